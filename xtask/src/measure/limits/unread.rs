//! Sends a million lines from a client that reads no answers.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bound, Finding, LimitsBench};
use crate::cluster::proc_usage::resident_bytes;

/// The number of lines.
const LINES: usize = 1_000_000;

const LINE: &[u8] = b"IAMAT unread.example.org +34.068930-118.445127 1520023934.918963997\n";

/// The timeout until the node closes the connection.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check_unread(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut node = bench.start("unread")?;
    let pid = node.pid()?;
    // The node allocates the memory that it needs for any client before the measurement.
    bench.p99(&node)?;
    let before = resident_bytes(pid)?;
    let mut stream = TcpStream::connect(node.address()?)?;
    stream.set_nonblocking(true)?;
    let lines = LINE.repeat(LINES);
    let mut sent = 0;
    let mut most = before;
    let mut moved = Instant::now();
    // When the node closes the connection, its unread bytes cause a reset, which ends the loop.
    while moved.elapsed() < PATIENCE {
        match stream.write(&lines[sent..]) {
            Ok(written) => {
                sent += written;
                moved = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(5)),
            Err(_) => break,
        }
        most = most.max(resident_bytes(pid)?);
    }
    let closed_after = moved.elapsed();
    ensure!(sent < lines.len(), "the node has read all {LINES} lines of a client that reads no answers");
    let grown = (most - before) / 1e6;
    Ok(vec![
        Finding::new(
            format!("memory for {LINES} lines sent and no answer read"),
            grown,
            "MB",
            Bound::AtMost(8.0),
        ),
        Finding::new(
            "time from the last byte read until the node closes",
            closed_after.as_secs_f64(),
            "s",
            Bound::Within(9.5, 11.5),
        ),
    ])
}
