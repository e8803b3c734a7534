//! Connects a thousand clients that send questions and do not read, and measures the memory that
//! the node and the kernel use for them.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Bound, Finding, LimitsBench, ask};
use crate::cluster::proc_usage::resident_bytes;

/// The number of clients.
const CLIENTS: usize = 1_000;

const QUESTION: &[u8] = b"WHATSAT kiwi 1 0\n";

/// The questions of each client: more than the buffers of both sides hold.
const QUESTIONS: usize = 12_000;

/// The questions whose answers each client reads before it stops reading.
const BURST: usize = 500;

/// The lines of an answer.
const LINES_OF_AN_ANSWER: usize = 7;

/// The timeout until the node has closed all connections.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check_deaf(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut node = bench.start("deaf")?;
    let pid = node.pid()?;
    let address = node.address()?;
    let mut reporter = TcpStream::connect(address)?;
    reporter.write_all(b"IAMAT kiwi +34.068930-118.445127 1520023934.918963997\n")?;
    // The node allocates the memory that it needs for any 1,000 clients before the measurement.
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
    let began = Instant::now();
    let mut most = 0.0_f64;
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
        Finding::new("time until the last of them is closed", closed, "s", Bound::AtMost(12.0)),
    ])
}

/// Sends many questions at once and reads every answer. Such a client gets larger buffers from the
/// node if any are left.
fn read_a_burst(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&QUESTION.repeat(BURST))?;
    let mut lines = BufReader::new(stream).lines();
    lines.by_ref().take(LINES_OF_AN_ANSWER * BURST).try_for_each(|line| Ok(line.map(drop)?))
}

/// The bytes that the kernel has queued on the node's side of the connections to a port, in both
/// directions.
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
