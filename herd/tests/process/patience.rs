//! The timeouts of a node, seen from a client.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::node::{body, places, with_places};
use crate::support::{DEADLINE, IAMAT, Node, log_of};

#[test]
fn a_client_that_reads_nothing_is_no_longer_read_from_and_then_closed() {
    let node = Node::start("unread", "unread_stall = \"300ms\"");
    let mut stream = node.connect();
    // More than the node and the sockets buffer: writing must fail in the end, and the node must
    // survive.
    let line = "y".repeat(4000) + "\n";
    let result = (0..100_000).try_for_each(|_| stream.write_all(line.as_bytes()));
    assert!(result.is_err(), "400 MB were taken from a client that reads nothing");
    assert_eq!(node.ask(b"still here\n"), "? still here\n");
}

#[tokio::test]
async fn a_client_that_reads_nothing_cannot_make_the_node_hold_more_than_its_bound() {
    let node = Node::start("held", "unread_stall = \"1s\"");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // A small receive buffer, so that little data is in the client's own system.
    socket.set_send_buffer_size(4096).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(node.client).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let line = "y".repeat(1000) + "\n";
    let mut sent = 0;
    while stream.write_all(line.as_bytes()).is_ok() {
        sent += line.len();
        assert!(sent < 256 * 1024, "{sent} bytes were taken, and the bound is 64 KiB");
    }
}

#[test]
fn an_idle_client_and_an_unfinished_line_are_closed() {
    let node = Node::start("idle", "idle_client = \"200ms\"\nunfinished_line = \"100ms\"");
    for bytes in [&b""[..], b"IAMAT"] {
        let mut stream = node.connect();
        stream.write_all(bytes).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    }
}

#[test]
fn what_has_arrived_before_a_stop_is_answered() {
    let log = log_of("stop-input");
    let mut node = Node::start_with("stop-input", "", |command| command.args(["--log-file", &log]));
    let mut stream = node.connect();
    stream.write_all(b"x\n").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    let process = Pid::from_raw(node.process.id() as i32);
    // Both arrive while the process is stopped, so that it sees one while it handles the other.
    kill(process, Signal::SIGSTOP).unwrap();
    stream.write_all(IAMAT.as_bytes()).unwrap();
    kill(process, Signal::SIGTERM).unwrap();
    kill(process, Signal::SIGCONT).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("AT Alford "), "{answers}");
    drop(stream);
    assert!(node.wait().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("all_closed=true"), "{log}");
}

#[test]
fn a_line_that_comes_byte_by_byte_has_to_be_finished_in_time_too() {
    let node = Node::start("trickle", "unfinished_line = \"300ms\"");
    let mut stream = node.connect();
    let began = Instant::now();
    while stream.write_all(b"y").is_ok() {
        assert!(began.elapsed() < DEADLINE, "not closed after {DEADLINE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_whose_lines_are_finished_in_time_stays_though_there_is_always_one_begun() {
    let limit = Duration::from_secs(2);
    let node = Node::start("begun", "unfinished_line = \"2s\"");
    let mut stream = node.connect();
    let began = Instant::now();
    stream.write_all(b"x").unwrap();
    while began.elapsed() < limit + limit / 4 {
        stream.write_all(b"\nx").unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"? x\n");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_that_was_quiet_for_long_has_as_long_as_others_to_take_its_answer() {
    let stall = Duration::from_millis(300);
    let node = Node::start("quiet", "unread_stall = \"300ms\"");
    let mut stream = node.connect();
    stream.set_read_timeout(Some(2 * stall)).unwrap();
    for _ in 0..2 {
        stream.write_all(b"x\n").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        // The client is silent for longer than the read timeout, and the node must not close the
        // connection.
        let nothing = stream.read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_places_is_not_idle() {
    let server = places(&body(1), Duration::from_millis(600)).await;
    let limits = "idle_client = \"200ms\"";
    let node = Node::start_with("patient", limits, |command| with_places(command, &server));
    let mut stream = node.connect();
    stream.write_all(format!("{IAMAT}WHATSAT kiwi 10 1\n").as_bytes()).unwrap();
    let answers = tokio::task::spawn_blocking(move || {
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    });
    let answers = answers.await.unwrap();
    assert!(answers.contains("\"OK\""), "{answers}");
}
