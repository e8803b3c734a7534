//! A node's bounds at their edges: files, links that do not say who they are, and clients that go on sending.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::admin::get;
use crate::support::{DEADLINE, Node, log_of, wait_for_log, wait_until};

/// A herd of one.
const ALONE: &str =
    "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";

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
    wait_for_log(&log, "cannot accept connections for now", 1);
    for _ in 0..100 {
        assert!(is_served(&mut seated));
    }
    crowd.truncate(1);
    assert!(is_served(&mut node.connect()), "those who wait are served when others have left");
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.matches("cannot accept").count() < 20, "a node that waits does not fill its log: {told}");
}

#[test]
fn connections_on_the_link_port_that_do_not_say_who_they_are_have_two_seconds_and_few_places() {
    let log = log_of("silent-links");
    let node = Node::start_with("silent-links", "", |command| {
        command.args(["--log-file", &log, "--admin-address", "127.0.0.1:0"])
    });
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(node.link).unwrap()).collect();
    let mut beyond = TcpStream::connect(node.link).unwrap();
    beyond.set_read_timeout(Some(DEADLINE)).unwrap();
    // Closed at once, and not after two seconds, though nothing was said.
    assert_eq!(beyond.read(&mut [0; 1]).unwrap_or(0), 0);
    wait_for_log(&log, "too many connections on the link port", 1);
    assert!(silent.iter().all(|stream| stream.set_read_timeout(Some(DEADLINE)).is_ok()));
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "they have two seconds");
    wait_for_log(&log, "no handshake within 2s", 32);
    let refused = "herd_link_connections_refused_total 33\n";
    wait_until("all are counted", || get(&node, "/metrics").1.contains(refused));
}

#[test]
fn a_client_that_goes_on_sending_after_the_end_is_listened_to_for_so_many_bytes() {
    let node = Node::start("linger", "line_bytes = 10\nlinger_bytes = 100000\nlinger = \"30s\"");
    let mut stream = node.connect();
    stream.write_all(b"much too long a line\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "? much too long a line\n");
    // Far more than the node takes and the system holds: the connection is reset long before 30 seconds are over.
    let error = (0..1000).find_map(|_| stream.write_all(&[b'x'; 100_000]).err()).expect("an end");
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind()), "{error}");
}
