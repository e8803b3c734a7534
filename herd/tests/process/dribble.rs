//! How long a line may stay unfinished, whatever else its client does.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Node};

const LIMITS: &str = "unfinished_line = \"300ms\"\nidle_client = \"1h\"";

#[test]
fn a_line_that_is_not_finished_ends_its_client_and_no_other() {
    let node = Node::start("unfinished", LIMITS);
    let mut quiet = node.connect();
    let ask = |client: &mut std::net::TcpStream| {
        client.write_all(b"x\n").unwrap();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"? x\n");
    };
    ask(&mut quiet);
    let mut begun = node.connect();
    begun.write_all(b"IAMAT").unwrap();
    assert_eq!(begun.read(&mut [0; 16]).unwrap(), 0);
    // It has begun no line, and was there before.
    ask(&mut quiet);
}

#[test]
fn a_line_that_grows_byte_by_byte_has_no_more_time_than_another() {
    let node = Node::start("byte-by-byte", LIMITS);
    let mut client = node.connect();
    client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let began = Instant::now();
    // Reading waits for the end, and so paces the bytes.
    while client.write_all(b"x").is_ok() && !matches!(client.read(&mut [0; 16]), Ok(0)) {
        assert!(began.elapsed() < DEADLINE, "a line has been unfinished for {DEADLINE:?}");
        thread::yield_now();
    }
    assert!(began.elapsed() >= Duration::from_millis(300), "it had its time");
}
