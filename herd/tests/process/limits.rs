//! The limits of a node: file descriptors, connections without HELLO, and clients that send without
//! pause.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::admin::get;
use crate::support::{DEADLINE, Node, log_of, wait_for_log, wait_until};

/// A herd of one.
const ALONE: &str =
    "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";

/// Connects to the link port.
fn connect_link(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(node.link).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Connects as a client with another address of this machine.
fn connect_from(source: std::net::IpAddr, to: std::net::SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Whether a client that has connected is served.
fn is_served(stream: &mut TcpStream) -> bool {
    stream.write_all(b"x\n").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).is_ok() && &answer == b"? x\n"
}

#[test]
fn the_limit_of_files_is_raised_and_some_are_spared() {
    let node = Node::run_by(&["prlimit", "--nofile=70:150"], "Alford", "files", ALONE, |command| command);
    // Of 150 files 64 are spared.
    let mut seated: Vec<TcpStream> = (0..86).map(|_| node.connect()).collect();
    for stream in &mut seated {
        assert!(is_served(stream));
    }
    let mut told = String::new();
    node.connect().read_to_string(&mut told).unwrap();
    assert_eq!(told, "? too many connections\n");
}

#[test]
fn a_node_out_of_files_serves_those_who_are_in_and_then_those_who_wait() {
    let log = log_of("out-of-files");
    let node = Node::start_with("out-of-files", "", |command| command.args(["--log-file", &log]));
    let mut seated = node.connect();
    assert!(is_served(&mut seated));
    let pid = node.process.id();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limit = format!("--nofile={0}:{0}", open + 5);
    assert!(Command::new("prlimit").args([&format!("--pid={pid}"), &limit]).status().unwrap().success());
    let mut crowd: Vec<TcpStream> = (0..20).map(|_| node.connect()).collect();
    wait_for_log(&log, "cannot accept connections; retrying", 1);
    for _ in 0..100 {
        assert!(is_served(&mut seated));
    }
    crowd.truncate(1);
    assert!(is_served(&mut node.connect()), "those who wait are served when others have left");
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.matches("cannot accept").count() < 20, "a node that waits does not fill its log: {told}");
}

#[test]
fn connections_on_the_link_port_that_do_not_say_who_they_are_have_two_seconds() {
    let log = log_of("silent-links");
    let node = Node::start_with("silent-links", "log_repeat = \"100ms\"", |command| {
        command.args(["--log-file", &log, "--admin-address", "127.0.0.1:0"])
    });
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = (0..32).map(|_| connect_link(&node)).collect();
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "they have two seconds");
    wait_for_log(&log, "no handshake within 2s", 2);
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.matches("link rejected").count() < 8, "32 refusals are a few lines: {told}");
    let refused = "herd_link_connections_refused_total 32\n";
    wait_until("all are counted", || get(&node, "/metrics").1.contains(refused));
}

#[test]
fn a_newer_connection_on_the_link_port_replaces_one_that_has_said_nothing() {
    let node = Node::start("link-crowd", "link_handshake = \"30s\"");
    let silent: Vec<TcpStream> = (0..32).map(|_| connect_link(&node)).collect();
    let mut next = connect_link(&node);
    next.write_all(b"this is not TLS\n").unwrap();
    // The TLS alert shows that the node has served the newest connection.
    assert!(next.read(&mut [0; 8]).unwrap() > 0);
    silent.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    let is_closed = |mut stream: &TcpStream| matches!(stream.read(&mut [0; 1]), Ok(0));
    let closed = || silent.iter().filter(|stream| is_closed(stream)).count();
    let deadline = Instant::now() + DEADLINE;
    while closed() == 0 {
        assert!(Instant::now() < deadline, "none of them has made room");
        std::thread::yield_now();
    }
    // Which of them depends on the order in which the system hands them over.
    assert_eq!(closed(), 1);
}

#[test]
fn a_node_full_of_one_address_serves_another() {
    let node = Node::start("one-address", "client_connections = 3");
    let mut crowd: Vec<TcpStream> = (0..3).map(|_| node.connect()).collect();
    crowd[1..].iter_mut().for_each(|stream| assert!(is_served(stream)));
    let told = node.ask(b"x\n");
    assert_eq!(told, "? too many connections\n", "one address has no more than all places");
    let mut other = connect_from([127, 0, 0, 2].into(), node.client);
    assert!(is_served(&mut other));
    assert_eq!(crowd[0].read(&mut [0; 1]).unwrap_or(0), 0, "the silent one has lost its place");
    crowd[1..].iter_mut().for_each(|stream| assert!(is_served(stream)));
}

#[test]
fn endless_clients_take_neither_links_nor_answers_from_others() {
    let log = log_of("endless");
    let limits = "[limits]\nheartbeat = \"100ms\"\nlink_silence = \"1s\"\n";
    let alford =
        Node::start_awaiting_with_limits("Alford", "Parker", "endless", limits, &["--log-file", &log]);
    let parker = Node::start_beside_with_limits("Parker", ("Alford", &alford), "endless", limits);
    wait_for_log(&log, "link up", 1);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            let mut stream = alford.connect();
            stream.set_nonblocking(true).unwrap();
            scope.spawn({
                let done = &done;
                move || {
                    let (lines, mut answers) = (b"x\n".repeat(32 * 1024), vec![0; 64 * 1024]);
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        let _ = stream.write(&lines);
                        let _ = stream.read(&mut answers);
                    }
                }
            });
        }
        let began = Instant::now();
        let mut rounds = 0;
        // Longer than a link may be silent.
        while began.elapsed() < Duration::from_secs(3) {
            rounds += 1;
            assert!(is_served(&mut alford.connect()));
            assert!(parker.ask(format!("IAMAT c{rounds} +1+1 1\n").as_bytes()).starts_with("AT Parker"));
            wait_until("the update is known", || {
                alford.ask(format!("WHATSAT c{rounds} 1 0\n").as_bytes()).starts_with("AT Parker")
            });
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let told = std::fs::read_to_string(&log).unwrap();
    assert_eq!((told.matches("link up").count(), told.matches("link down").count()), (1, 0), "{told}");
}

#[test]
fn clients_that_do_not_read_are_not_read_from_and_closed() {
    let node = Node::start("unread", "unread_stall = \"1s\"");
    node.ask(crate::support::IAMAT.as_bytes());
    let mut stream = node.connect();
    stream.set_nonblocking(true).unwrap();
    let lines = b"WHATSAT kiwi 1 0\n".repeat(1000);
    let (began, mut sent) = (Instant::now(), 0);
    let closed = loop {
        match stream.write(&lines) {
            Ok(written) => sent += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => break error,
        }
        assert!(began.elapsed() < DEADLINE, "not closed after {DEADLINE:?}");
    };
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&closed.kind()), "{closed}");
    // What both kernels hold for this connection is a few megabytes; a node that went on reading
    // would take all.
    assert!(sent < 16_000_000, "{sent} bytes were taken");
}

#[test]
fn a_web_page_cannot_report_a_location() {
    let node = Node::start("http", "");
    for http in ["POST / HTTP/1.1", "Host: 127.0.0.1:12480", "GET /x HTTP/1.0"] {
        let answer = node.ask(format!("{http}\r\nX: y\r\n\r\nIAMAT page +1+1 5\n").as_bytes());
        assert_eq!(answer, format!("? {http}\n"));
    }
    assert_eq!(node.ask(b"WHATSAT page 1 0\n"), "? WHATSAT page 1 0\n");
}

#[test]
fn new_ids_of_a_connection_and_of_an_address_have_a_rate() {
    let ids = |from: usize| (from..from + 5).map(|id| format!("IAMAT c{id} +1+1 1\n")).collect::<String>();
    let taken = |answers: &str| answers.lines().filter(|line| line.starts_with("AT ")).count();
    let node = Node::start("new-ids-connection", "new_ids_per_connection = 2");
    // All five come within a second, or are cut in two by the end of one.
    assert!((2..=4).contains(&taken(&node.ask(ids(0).as_bytes()))));
    assert!((2..=4).contains(&taken(&node.ask(ids(5).as_bytes()))), "another connection has its own");
    assert!(node.ask(b"IAMAT c0 +1+1 2\n").starts_with("AT "), "known ids go on");
    let node = Node::start("new-ids-address", "new_ids_per_address = 1");
    let began = Instant::now();
    let all: usize = (0..5).map(|number| taken(&node.ask(ids(5 * number).as_bytes()))).sum();
    let seconds = 2 + began.elapsed().as_secs() as usize;
    assert!((1..=seconds).contains(&all), "{all} in {seconds} s");
}

#[test]
fn a_full_table_is_in_the_log_and_makes_a_node_unready() {
    let log = log_of("full-table");
    let node = Node::start_with("full-table", "distinct_clients = 1\nlog_repeat = \"50ms\"", |command| {
        command.args(["--log-file", &log, "--admin-address", "127.0.0.1:0"])
    });
    assert_eq!(get(&node, "/readyz").1, "ready\n");
    node.ask(b"IAMAT a +1+1 1\nIAMAT b +1+1 1\n");
    assert_eq!(get(&node, "/readyz").1, "the table is full with 1 clients: new client ids are rejected\n");
    wait_for_log(&log, "the table of clients is full", 2);
    assert!(get(&node, "/metrics").1.contains("herd_new_ids_refused_total 1\n"));
}

#[test]
fn a_process_at_its_bound_of_memory_takes_no_new_ids_from_clients_or_neighbours() {
    let log = log_of("memory");
    let alford = Node::start_awaiting_with("Alford", "Parker", "memory", &["--log-file", &log]);
    alford.ask(b"IAMAT a +1+1 1\n");
    let limits = "[limits]\nmemory_bytes = 1\n";
    let parker = Node::start_beside_with_limits("Parker", ("Alford", &alford), "memory", limits);
    wait_for_log(&log, "the neighbour said: no memory for more clients", 1);
    assert_eq!(parker.ask(b"WHATSAT a 1 0\nIAMAT b +1+1 1\n"), "? WHATSAT a 1 0\n? IAMAT b +1+1 1\n");
    let reasons = get(&parker, "/readyz").1;
    assert!(reasons.contains("the memory limit is reached: new client ids are rejected\n"), "{reasons}");
}

#[test]
fn a_client_that_goes_on_sending_after_the_end_is_listened_to_for_so_many_bytes() {
    let node = Node::start("linger", "line_bytes = 10\nlinger_bytes = 100000\nlinger = \"30s\"");
    let mut stream = node.connect();
    stream.write_all(b"much too long a line\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "? much too long a line\n");
    // Far more than the node takes and the system holds: the connection is reset long before 30
    // seconds are over.
    let error = (0..1000).find_map(|_| stream.write_all(&[b'x'; 100_000]).err()).expect("an end");
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()), "{error}");
}
