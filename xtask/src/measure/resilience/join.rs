//! Starts an empty node that has four neighbours with a million clients.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::proxied::ProxiedHerd;
use super::{Bound, Finding, ResilienceBench};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;
use crate::load::generator::Task;
use crate::load::{Load, Order, Protocol, Summary};

/// The number of clients that the others know.
const CLIENTS: u64 = 1_000_000;

/// The empty node.
const NEW: &str = "Node5";

/// Its neighbours.
const OTHERS: [&str; 4] = ["Node1", "Node2", "Node3", "Node4"];

/// The timeout of everything here.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time of the first load: on most machines enough to report all clients once.
const FILL: Duration = Duration::from_secs(15);

/// The time of the longest load.
const LONGEST_FILL: Duration = Duration::from_secs(240);

/// The time for which nodes may still send updates after the new node knows all clients.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The number of clients whose lines are measured to estimate the size of all lines.
const SAMPLE: u64 = 1_000;

pub(super) fn check_join(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let file = HerdFile::parse(&Graph::Mesh.herd_file(5, 1), "a mesh of five")?;
    let mut herd = ProxiedHerd::new(bench, "join", &file)?;
    herd.nodes.start(&OTHERS.map(str::to_owned))?;
    fill(bench, &mut herd)?;
    let one_copy = one_copy(&herd.nodes)?;
    let began = Instant::now();
    herd.nodes.start(&[NEW.to_owned()])?;
    herd.wait_for(NEW, CLIENTS, PATIENCE)?;
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

/// Reports all clients to the neighbours, and waits until each of them knows all clients. Each load
/// begins with the same clients as the one before, so one that was too short is followed by one
/// that is twice as long.
fn fill(bench: &ResilienceBench, herd: &mut ProxiedHerd) -> Result<()> {
    let nodes = OTHERS.iter().map(|name| Ok(herd.nodes.member(name)?.client)).collect::<Result<Vec<_>>>()?;
    let mut duration = FILL;
    while herd.known(OTHERS[0])?.is_none_or(|known| known < CLIENTS) {
        ensure!(duration <= LONGEST_FILL, "a load of {:?} does not report {CLIENTS} clients", duration / 2);
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: nodes.clone(),
            connections: 64,
            depth: 128,
            rate: None,
            clients: CLIENTS,
            order: Order::InTurn,
            duration,
        };
        duration *= 2;
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        summary.ensure_all_right()?;
    }
    OTHERS.iter().try_for_each(|name| herd.wait_for(name, CLIENTS, PATIENCE))?;
    // Reports of clients that all nodes know already may still be in transit.
    herd.wait_until_silent(&OTHERS, PATIENCE)
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
