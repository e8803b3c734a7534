//! Keeps a node busy with clients that never stop sending, and measures how it serves others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Bound, Finding, LimitsBench, ask};
use crate::cluster::admin_client;
use crate::load::generator::Task;
use crate::load::torrent::{Torrent, TorrentLines};

/// The numbers of busy connections.
const CROWDS: [usize; 3] = [20, 50, 200];

/// The time for which a node is busy.
const BUSY: Duration = Duration::from_secs(8);

/// The time for which it is busy before the measurement.
const BEFORE: Duration = Duration::from_secs(2);

/// The number of measurements of each latency.
const PROBES: usize = 100;

/// The timeout of everything here.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn check_busy(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for lines in [TorrentLines::Shortest, TorrentLines::Reports] {
        for connections in CROWDS {
            findings.extend(measure_beside(bench, connections, lines)?);
        }
    }
    Ok(findings)
}

/// Measures how a node serves others while `connections` clients keep it busy.
fn measure_beside(bench: &LimitsBench, connections: usize, lines: TorrentLines) -> Result<Vec<Finding>> {
    let mut pair = bench.start_pair(&format!("busy-{lines:?}-{connections}"))?;
    let address = pair.address("Node1")?;
    let admin_address = pair.admin("Node1")?;
    let neighbour = pair.address("Node2")?;
    let up_before = pair.links_up("Node1")?;
    let torrent = Torrent { node: address, connections, lines, duration: BUSY };
    let measured = thread::scope(|scope| {
        let busy = scope.spawn(|| bench.generator.perform::<u64>(&Task::Torrent(torrent)));
        thread::sleep(BEFORE);
        let measured = measure_latencies(address, admin_address, neighbour);
        let answered = busy.join().expect("a thread that does not panic")?;
        ensure!(answered > 0, "no busy client was answered");
        measured
    })?;
    let lost = pair.links_up("Node1")? - up_before;
    let beside = match lines {
        TorrentLines::Shortest => format!("with {connections} clients that send `x` without a pause"),
        TorrentLines::Reports => format!("with {connections} clients that send reports without a pause"),
    };
    let [first, update, health] = measured;
    Ok(vec![
        Finding::new(format!("{beside}: links lost"), lost as f64, "", Bound::AtMost(0.0)),
        Finding::new(
            format!("{beside}: p99 of a new client's first answer"),
            first,
            "ms",
            Bound::AtMost(100.0),
        ),
        Finding::new(
            format!("{beside}: slowest update from a neighbour"),
            update,
            "ms",
            Bound::AtMost(1000.0),
        ),
        Finding::new(format!("{beside}: slowest `/healthz`"), health, "ms", Bound::AtMost(100.0)),
    ])
}

/// Returns the p99 of first answers, the slowest update from a neighbour, and the slowest
/// `/healthz`, in milliseconds.
fn measure_latencies(node: SocketAddr, admin_address: SocketAddr, neighbour: SocketAddr) -> Result<[f64; 3]> {
    let mut first: Vec<Duration> =
        (0..PROBES).map(|_| ask_new(node)).collect::<Result<_>>().context("new clients")?;
    first.sort_unstable();
    let mut update = Duration::ZERO;
    for number in 0..PROBES / 10 {
        update = update.max(update_from(neighbour, node, number)?);
    }
    let mut health = Duration::ZERO;
    for _ in 0..PROBES {
        let began = Instant::now();
        admin_client::get(admin_address, "/healthz").context("/healthz")?;
        health = health.max(began.elapsed());
    }
    let p99 = first[PROBES * 99 / 100 - 1];
    Ok([p99, update, health].map(|time| time.as_secs_f64() * 1e3))
}

/// The time from connecting to the first answer for a new client.
fn ask_new(node: SocketAddr) -> Result<Duration> {
    let began = Instant::now();
    ask(&mut TcpStream::connect_timeout(&node, PATIENCE)?)?;
    Ok(began.elapsed())
}

/// The time from an answer of the node `from` until the node `to` knows the update.
fn update_from(from: SocketAddr, to: SocketAddr, number: usize) -> Result<Duration> {
    let mut reporter = TcpStream::connect_timeout(&from, PATIENCE)?;
    let mut asker = TcpStream::connect_timeout(&to, PATIENCE)?;
    let id = format!("beside-{number}");
    let answer = exchange(&mut reporter, &format!("IAMAT {id} +34.068930-118.445127 1520023934.9\n"))?;
    ensure!(answer.starts_with("AT "), "expected an AT line, not {answer:?}");
    let began = Instant::now();
    while !exchange(&mut asker, &format!("WHATSAT {id} 1 0\n"))?.starts_with("AT ") {
        ensure!(began.elapsed() < PATIENCE, "{to} did not know an update of {from} after {PATIENCE:?}");
    }
    Ok(began.elapsed())
}

/// Sends a line, and returns the first bytes of the answer.
fn exchange(stream: &mut TcpStream, line: &str) -> Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).context("a client was not answered")?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
