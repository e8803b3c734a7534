//! A link between its hello and its end: when news is sent, and what a stop still sends.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use herd::message::VERSION;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{DEADLINE, Node, log_of, stop, wait_for_log, wait_until, whole_log};

/// The limits of a herd whose heartbeats come too late to be of any help.
const NO_HEARTBEATS: &str = "[limits]\nheartbeat = \"60s\"\nlink_silence = \"120s\"\n";

/// Connects to the link port in the name of Parker, and waits until the node has answered.
fn link_as_parker(node: &Node) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(node.link).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let hello = format!("HELLO {VERSION} Parker 0000000000000001 0000000000000001");
    stream.write_all(format!("{hello}\nCURSOR 0000000000000000 0\n").as_bytes()).unwrap();
    let mut link = BufReader::new(stream);
    wait_for_line(&mut link, "CURSOR ");
    link
}

/// Reads lines until one begins with `start`.
fn wait_for_line(link: &mut impl BufRead, start: &str) {
    let mut line = String::new();
    while !line.starts_with(start) {
        line.clear();
        assert!(link.read_line(&mut line).unwrap() > 0, "the link ended before {start:?}");
    }
}

#[test]
fn updates_are_sent_at_once_and_do_not_wait_for_a_heartbeat() {
    let test = "no-heartbeats";
    let log = log_of(test);
    let logged = ["--log-file", &log];
    let alford = Node::start_awaiting_with_limits("Alford", "Parker", test, NO_HEARTBEATS, &logged);
    let mut parker = Node::start_beside_with_limits("Parker", ("Alford", &alford), test, NO_HEARTBEATS);
    wait_for_log(&log, "link up", 1);
    for round in 0..3 {
        for (from, to) in [(&alford, &parker), (&parker, &alford)] {
            let client = format!("client-{round}-{}", from.client.port());
            from.ask(format!("IAMAT {client} +1+1 1\n").as_bytes());
            wait_until("the neighbour knows", || {
                to.ask(format!("WHATSAT {client} 1 0\n").as_bytes()).starts_with("AT ")
            });
        }
    }
    stop(&mut parker);
    wait_for_log(&log, "link down", 1);
    let log = whole_log(alford, &log);
    let down = log.lines().find(|line| line.contains("link down")).unwrap();
    assert!(down.contains("neighbour=\"Parker\""), "{down}");
    assert!(log.contains("all_closed=true"), "{log}");
}

#[test]
fn a_stop_closes_an_idle_link_in_time() {
    let test = "idle-link";
    let log = log_of(test);
    let logged = ["--log-file", &log];
    let alford = Node::start_awaiting_with_limits("Alford", "Parker", test, NO_HEARTBEATS, &logged);
    let _parker = Node::start_beside_with_limits("Parker", ("Alford", &alford), test, NO_HEARTBEATS);
    wait_for_log(&log, "link up", 1);
    let log = whole_log(alford, &log);
    assert!(log.contains("all_closed=true") && log.contains("reason=\"stopping\""), "{log}");
}

#[test]
fn a_stop_sends_everything_to_a_neighbour_that_reads_slowly() {
    // More than the system holds for a connection that is not read from.
    const CLIENTS: usize = 20_000;
    let test = "slow-neighbour";
    let node =
        Node::start_awaiting_with_limits("Alford", "Parker", test, NO_HEARTBEATS, &["--insecure-links"]);
    let mut link = link_as_parker(&node);
    let tail = "x".repeat(240);
    for first in (0..CLIENTS).step_by(1000) {
        let reports: String =
            (first..first + 1000).map(|client| format!("IAMAT {client}-{tail} +1+1 1\n")).collect();
        assert_eq!(node.ask(reports.as_bytes()).matches("AT Alford ").count(), 1000);
    }
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGTERM).unwrap();
    let mut sent = String::new();
    link.read_to_string(&mut sent).unwrap();
    assert_eq!(sent.lines().filter(|line| line.starts_with("AT ")).count(), CLIENTS);
    assert!(sent.lines().last().is_some_and(|line| line.starts_with("BYE ")), "{:?}", sent.lines().last());
}

#[test]
fn a_neighbour_that_has_a_link_is_not_dialled() {
    let parker = TcpListener::bind("127.0.0.1:0").unwrap();
    let herd = format!(
        "name = \"pair\"\n\
        [[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:3\"\nneighbours = [\"Parker\"]\n\
        [[node]]\nname = \"Parker\"\nclient = \"127.0.0.1:0\"\nlink = \"{}\"\nneighbours = [\"Alford\"]\n\
        [limits]\nheartbeat = \"100ms\"\nlink_silence = \"120s\"\nredial_first = \"10ms\"\nredial_longest = \"10ms\"\n",
        parker.local_addr().unwrap()
    );
    let node = Node::run("Alford", "linked", &herd, |command| command.arg("--insecure-links"));
    drop(parker.accept().unwrap());
    let mut link = link_as_parker(&node);
    parker.set_nonblocking(true).unwrap();
    // A dial that was begun before the link was complete may still come.
    (0..2).for_each(|_| wait_for_line(&mut link, "ALIVE "));
    while parker.accept().is_ok() {}
    (0..5).for_each(|_| wait_for_line(&mut link, "ALIVE "));
    assert_eq!(parker.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
