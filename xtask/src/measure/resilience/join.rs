//! Starts an empty node that has four neighbours with a million clients.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::filled::{PATIENCE, fill, wait_for};
use super::proxied::ProxiedHerd;
use super::{Bound, Finding, ResilienceBench};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;
use crate::load::Protocol;

/// The number of clients that the others know.
const CLIENTS: u64 = 1_000_000;

/// The empty node.
const NEW: &str = "Node5";

/// Its neighbours.
const OTHERS: [&str; 4] = ["Node1", "Node2", "Node3", "Node4"];

/// The time for which nodes may still send updates after the new node knows all clients.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The number of clients whose lines are measured to estimate the size of all lines.
const SAMPLE: u64 = 1_000;

pub(super) fn check_join(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let file = HerdFile::parse(&Graph::Mesh.herd_file(5, 1), "a mesh of five")?;
    let mut herd = ProxiedHerd::new(bench, "join", &file)?;
    herd.nodes.start(&OTHERS.map(str::to_owned))?;
    fill(bench, &mut herd.nodes, &OTHERS, CLIENTS)?;
    let one_copy = one_copy(&herd.nodes)?;
    let began = Instant::now();
    herd.nodes.start(&[NEW.to_owned()])?;
    wait_for(&mut herd.nodes, NEW, CLIENTS, PATIENCE)?;
    let took = began.elapsed();
    // Updates that are still in transit count as well.
    thread::sleep(AFTERMATH);
    let received = herd.carried(OTHERS.map(|other| (other, NEW)))? as f64;
    let sent = herd.carried(OTHERS.map(|other| (NEW, other)))? as f64;
    herd.nodes.stop_all()?;
    Ok(vec![
        Finding::new(
            format!("an empty node with four neighbours and {CLIENTS} clients: time until it knows all"),
            took.as_secs_f64(),
            "s",
            Bound::AtMost(10.0),
        ),
        Finding::new("bytes received, relative to one copy", received / one_copy, "x", Bound::AtMost(1.2)),
        Finding::new("bytes sent, relative to one copy", sent / one_copy, "x", Bound::AtMost(0.2)),
    ])
}

/// Estimates the bytes of the AT lines of all clients from a sample.
fn one_copy(herd: &Processes) -> Result<f64> {
    let mut stream = BufReader::new(TcpStream::connect(herd.member(OTHERS[0])?.client)?);
    let mut bytes = 0;
    for client in (0..CLIENTS).step_by((CLIENTS / SAMPLE) as usize) {
        let question = format!("WHATSAT {} 0 0\n", Protocol::client_id(client));
        stream.get_mut().write_all(question.as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        ensure!(line.starts_with("AT "), "expected an AT line, not {line:?}");
        bytes += line.len();
        while line != "\n" {
            line.clear();
            stream.read_line(&mut line)?;
        }
    }
    Ok(bytes as f64 * (CLIENTS / SAMPLE) as f64)
}
