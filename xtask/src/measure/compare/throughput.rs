//! Rows of updates a second.

use anyhow::{Result, ensure};

use super::figure::{Bound, Figure, Goal};
use super::systems::{Layout, Running, System};
use super::{Bench, HERD, interleave, peers_called};
use crate::load::everywhere::{Everywhere, Spread};
use crate::load::generator::Task;
use crate::load::{Load, Protocol, Summary};

/// Distinct clients of a load on one node: more than a processor's caches hold.
pub(super) const CLIENTS: u64 = 100_000;

/// Connections by commands in flight on each.
const MATRIX: [(usize, usize); 5] = [(1, 1), (64, 1), (16, 16), (64, 16), (64, 128)];

/// A load on the first node of a system, for a round.
pub(super) fn load(bench: &Bench, running: &Running, connections: usize, depth: usize) -> Load {
    Load {
        protocol: running.protocol,
        nodes: vec![running.nodes[0]],
        connections,
        depth,
        rate: None,
        clients: CLIENTS,
        duration: bench.round,
    }
}

pub(super) fn one_node(bench: &Bench) -> Result<Vec<Figure>> {
    let systems = [HERD, System::Redis(Protocol::Set), System::Redis(Protocol::Geoadd), System::Echo];
    let mut figures = Vec::new();
    for (connections, depth) in MATRIX {
        let mut figure = Figure::new("one-node", format!("one node, C{connections} P{depth}"), "reports/s");
        figure.goals = match (connections, depth) {
            (64, 16) => vec![
                Goal::of_herd(&["redis-set"], Bound::AtLeast(2.0)),
                Goal::of_herd(&["redis-geoadd"], Bound::AtLeast(7.0)),
                Goal::of_herd(&["echo"], Bound::AtLeast(0.5)),
            ],
            (1, 1) => vec![Goal::of_herd(&["redis-set"], Bound::AtLeast(0.95))],
            (64, 1) => vec![Goal::of_herd(&["redis-set"], Bound::AtLeast(1.25))],
            _ => Vec::new(),
        };
        interleave(bench, &mut figure, &systems, |system| {
            let running = system.start(bench, Layout::Lone)?;
            answered(bench, load(bench, &running, connections, depth))
        })?;
        figures.push(figure);
    }
    Ok(figures)
}

/// Reports a second of a load, all of which were answered rightly; the distribution of their latencies.
pub(super) fn answered(bench: &Bench, load: Load) -> Result<(f64, Vec<(f64, f64)>)> {
    let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
    ensure!(summary.wrong == 0, "{} answers were wrong", summary.wrong);
    Ok((summary.per_second, summary.latency.points()))
}

pub(super) fn flooding(bench: &Bench) -> Result<Vec<Figure>> {
    let others =
        ["twisted", "asyncio-streams", "asyncio-protocol", "asyncio-protocol-uvloop", "node", "node-batched"];
    let (peers, missing) = peers_called(&others);
    let systems: Vec<System> = [HERD].into_iter().chain(peers).collect();
    let mut figure = Figure::new("flooding", "one node flooding to four, C64 P16".to_owned(), "reports/s");
    figure.missing = missing;
    figure.goals = vec![
        Goal::of_herd(&["twisted"], Bound::AtLeast(12.0)),
        Goal::of_herd(&others[1..], Bound::AtLeast(7.0)),
    ];
    interleave(bench, &mut figure, &systems, |system| sunk(bench, system))?;
    Ok(vec![figure])
}

/// Reports a second at a node with four neighbours that only take what it says; the distribution of their latencies.
pub(super) fn sunk(bench: &Bench, system: &System) -> Result<(f64, Vec<(f64, f64)>)> {
    let running = system.start(bench, Layout::Hub)?;
    let (load, sinks) = (load(bench, &running, 64, 16), running.watchers.clone());
    let summary: Summary = bench.generator.perform(&Task::Sunk { load, sinks })?;
    ensure!(summary.wrong == 0, "{} answers were wrong", summary.wrong);
    Ok((summary.per_second, summary.latency.points()))
}

pub(super) fn five_nodes(bench: &Bench) -> Result<Vec<Figure>> {
    let (peers, missing) = peers_called(&["twisted", "asyncio-protocol-uvloop", "node-batched"]);
    let redis = [System::Redis(Protocol::Set), System::Redis(Protocol::Geoadd)];
    let systems: Vec<System> = [HERD].into_iter().chain(redis).chain(peers).collect();
    let mut figures = Vec::new();
    for spread in [true, false] {
        let clients = if spread { "clients spread" } else { "clients at one node" };
        let mut figure = Figure::new("five-nodes", format!("five nodes, everywhere, {clients}"), "updates/s");
        figure.missing.clone_from(&missing);
        if spread {
            figure.goals = vec![
                Goal::of_herd(&["redis-set"], Bound::AtLeast(1.5)),
                Goal::of_herd(&["redis-geoadd"], Bound::AtLeast(3.0)),
                Goal::of_herd(&["twisted"], Bound::AtLeast(7.0)),
            ];
        }
        interleave(bench, &mut figure, &systems, |system| {
            let running = system.start(bench, Layout::Five)?;
            let outcome = everywhere(bench, &running, spread, 64, 16)?;
            Ok((outcome.per_second, Vec::new()))
        })?;
        figures.push(figure);
    }
    Ok(figures)
}

/// A load of clients that are each reported once, until every node has all of them.
pub(super) fn everywhere(
    bench: &Bench,
    running: &Running,
    spread: bool,
    connections: usize,
    depth: usize,
) -> Result<Spread> {
    let mut load = load(bench, running, connections, depth);
    load.clients = u64::from(u32::MAX);
    if spread {
        load.nodes.clone_from(&running.nodes);
    }
    bench.generator.perform(&Task::Everywhere(Everywhere { load, nodes: running.all.clone() }))
}
