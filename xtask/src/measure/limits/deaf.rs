//! A thousand clients that ask and do not read: what the node and its kernel hold for them.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Bench, Bound, Finding, ask};
use crate::cluster::proc_usage::resident_bytes;

const CLIENTS: usize = 1_000;

/// Each asks more than either side holds.
const QUESTION: &[u8] = b"WHATSAT kiwi 1 0\n";
const QUESTIONS: usize = 12_000;

/// Questions that each reads the answers of before it stops reading.
const BURST: usize = 500;
const LINES_OF_AN_ANSWER: usize = 7;

/// Longer than the node may take to close them all.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let mut node = bench.start("deaf")?;
    let (pid, address) = (node.pid()?, node.address()?);
    let mut reporter = TcpStream::connect(address)?;
    reporter.write_all(b"IAMAT kiwi +34.068930-118.445127 1520023934.918963997\n")?;
    // What a node needs for so many clients at all is there before.
    let idle: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(address)?;
            ask(&mut stream)?;
            Ok(stream)
        })
        .collect::<Result<_>>()?;
    drop(idle);
    let before = resident_bytes(pid)?;
    let mut clients: Vec<(TcpStream, usize)> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(address)?;
            read_a_burst(&mut stream)?;
            stream.set_nonblocking(true)?;
            Ok((stream, 0))
        })
        .collect::<Result<_>>()?;
    let questions = QUESTION.repeat(QUESTIONS);
    let (began, mut most) = (Instant::now(), 0.0_f64);
    while !clients.is_empty() {
        ensure!(began.elapsed() < PATIENCE, "{} clients were not closed after {PATIENCE:?}", clients.len());
        clients.retain_mut(|(stream, sent)| match stream.write(&questions[*sent..]) {
            Ok(written) => {
                *sent += written;
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        let held = resident_bytes(pid)? - before + kernel_bytes(address.port())?;
        most = most.max(held / CLIENTS as f64);
        thread::sleep(Duration::from_millis(100));
    }
    let closed = began.elapsed().as_secs_f64();
    Ok(vec![
        Finding::new(
            format!("memory for each of {CLIENTS} clients that do not read, the kernel's queues included"),
            most / 1024.0,
            "KiB",
            Bound::AtMost(64.0),
        ),
        Finding::new("the last of them closed after", closed, "s", Bound::AtMost(12.0)),
    ])
}

/// Asks much at once and reads every answer, which is how a client gets larger buffers, if there are any left.
fn read_a_burst(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&QUESTION.repeat(BURST))?;
    let mut lines = BufReader::new(stream).lines();
    lines.by_ref().take(LINES_OF_AN_ANSWER * BURST).try_for_each(|line| Ok(line.map(drop)?))
}

/// Bytes that the kernel has queued on this side of the connections to a port, both ways.
fn kernel_bytes(port: u16) -> Result<f64> {
    let table = fs::read_to_string("/proc/net/tcp").context("cannot read /proc/net/tcp")?;
    let local = format!(":{port:04X}");
    let queued = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, queues) = (fields.get(1)?, fields.get(4)?);
        let (sending, receiving) = queues.split_once(':')?;
        let bytes = u64::from_str_radix(sending, 16).ok()? + u64::from_str_radix(receiving, 16).ok()?;
        address.ends_with(&local).then_some(bytes as f64)
    });
    Ok(queued.sum())
}
