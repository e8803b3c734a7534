//! A client that sends a million lines and reads no answer.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bench, Bound, Finding};
use crate::cluster::proc_usage::resident_bytes;

const LINES: usize = 1_000_000;

const LINE: &[u8] = b"IAMAT unread.example.org +34.068930-118.445127 1520023934.918963997\n";

/// Longer than the node may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let mut node = bench.start("unread")?;
    let pid = node.pid()?;
    // What a node needs for clients at all is there before.
    bench.p99(&node)?;
    let before = resident_bytes(pid)?;
    let mut stream = TcpStream::connect(node.address()?)?;
    stream.set_nonblocking(true)?;
    let lines = LINE.repeat(LINES);
    let (mut sent, mut most, mut moved) = (0, before, Instant::now());
    // Until the node closes: what is still unread then resets the connection.
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
    ensure!(sent < lines.len(), "the node has read a million lines, and written answers that nobody reads");
    let grown = (most - before) / 1e6;
    Ok(vec![
        Finding::new(
            format!("memory for {LINES} lines sent and no answer read"),
            grown,
            "MB",
            Bound::AtMost(8.0),
        ),
        Finding::new("closed after a stall of", closed_after.as_secs_f64(), "s", Bound::Within(9.5, 11.5)),
    ])
}
