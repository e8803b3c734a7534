//! Answers of a Places service that works: shared, compressed, and slow.

use crate::places_faults::LIMITS;
use crate::support::{DEADLINE, IAMAT, Node, log_of, wait_for_log};
use crate::upstream::{CANARY, Upstream, node, wait_for_end};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;

#[test]
fn a_hundred_equal_questions_at_once_are_one_request() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let upstream = Upstream::start(move |mut stream| {
        // The answer is held back until all have asked. There must be no second request.
        let _ = released.lock().unwrap().recv_timeout(DEADLINE);
        let body = "{\"status\":\"OK\",\"results\":[]}";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).unwrap();
    });
    let log = log_of("equal");
    let node = Node::start_with("equal", "", |command| {
        command.args(["--places", "google-legacy", "--places-url", &upstream.url]);
        command.args(["--log-level", "debug", "--log-file", &log]).env("HERD_PLACES_KEY", CANARY)
    });
    let at = node.ask(IAMAT.as_bytes());
    let mut clients: Vec<TcpStream> = (0..100).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.write_all(b"WHATSAT kiwi 10 5\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    wait_for_log(&log, "line=WHATSAT kiwi 10 5", 100);
    release.send(()).unwrap();
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, format!("{at}{{\"status\":\"OK\",\"results\":[]}}\n\n"));
    }
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn a_chunked_and_compressed_answer_is_passed_on_as_it_was() {
    let body = std::fs::read(fixtures::places().join("nearby-20.json")).unwrap();
    let expected = String::from_utf8(body.clone()).unwrap();
    let upstream = Upstream::start(move |mut stream| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&body).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        for chunk in packed.finish().unwrap().chunks(7) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let (node, _) = node("chunked", LIMITS, "google-legacy", &upstream.url);
    let at = node.ask(IAMAT.as_bytes());
    assert_eq!(node.ask(b"WHATSAT kiwi 10 20"), format!("{at}{expected}\n"));
}

#[test]
fn reports_are_answered_while_many_questions_wait() {
    let upstream = Upstream::start(|mut stream| wait_for_end(&mut stream));
    let node = Node::start_with("waiting", "", |command| {
        command
            .args(["--places", "google-legacy", "--places-url", &upstream.url])
            .env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    let waiting: Vec<TcpStream> = (1..=64)
        .map(|radius| {
            let mut client = node.connect();
            client.write_all(format!("WHATSAT kiwi 0.{radius:02} 5\n").as_bytes()).unwrap();
            client
        })
        .collect();
    upstream.wait_for_requests(64);
    // None of them can have been answered: they are still in progress when the report's answer
    // arrives.
    assert!(node.ask(b"IAMAT pear +1+1 1\n").starts_with("AT Alford "));
    for client in &waiting {
        client.set_nonblocking(true).unwrap();
        assert!(client.peek(&mut [0]).is_err(), "a question was answered before the report");
    }
}
