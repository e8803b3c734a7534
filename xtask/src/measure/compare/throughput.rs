//! Rows of updates a second.

use std::time::Duration;

use anyhow::Result;

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, RunningSystem, System};
use super::{CompareBench, HERD, find_guests, interleave};
use crate::load::everywhere::{Everywhere, Spread};
use crate::load::generator::Task;
use crate::load::{Load, Order, Protocol, Summary};

/// The number of clients of a load on one node. Their records do not fit into a processor's caches.
pub(super) const CLIENTS: u64 = 100_000;

/// The timeout of a load that ends when all clients have been reported.
pub(super) const LONGEST: Duration = Duration::from_secs(600);

/// Makes a load on the first node of a system, for one round.
pub(super) fn load(bench: &CompareBench, running: &RunningSystem, connections: usize, depth: usize) -> Load {
    Load {
        protocol: running.protocol,
        nodes: vec![running.nodes[0]],
        connections,
        depth,
        rate: None,
        clients: CLIENTS,
        order: Order::InTurn,
        duration: bench.round,
        ..Load::default()
    }
}

/// Reports each client once, in random order, so that later loads only update clients.
pub(super) fn make_known(bench: &CompareBench, running: &RunningSystem, clients: u64) -> Result<()> {
    report_all(bench, running, 64, 128, clients, 1).map(drop)
}

/// Reports each client `passes` times, in random order. Fails if an answer is wrong.
pub(super) fn report_all(
    bench: &CompareBench,
    running: &RunningSystem,
    connections: usize,
    depth: usize,
    clients: u64,
    passes: u64,
) -> Result<Summary> {
    let order = Order::Passes(passes);
    let load = Load { clients, order, duration: LONGEST, ..load(bench, running, connections, depth) };
    let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
    summary.ensure_all_right()?;
    Ok(summary)
}

/// Sends a load. Returns the reports a second and the distribution of latencies. Fails if an answer
/// is wrong.
pub(super) fn answered(bench: &CompareBench, load: Load) -> Result<(f64, Vec<(f64, f64)>)> {
    let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
    summary.ensure_all_right()?;
    Ok((summary.per_second, summary.latency.points()))
}

pub(super) fn flooding(bench: &CompareBench) -> Result<Vec<Figure>> {
    let others =
        ["twisted", "asyncio-streams", "asyncio-protocol", "asyncio-protocol-uvloop", "node", "node-batched"];
    let (guests, missing) = find_guests(bench, &others);
    let systems: Vec<System> = [HERD].into_iter().chain(guests).collect();
    let mut figure = Figure::new("flooding", "one node flooding to four, C64 P16".to_owned(), "reports/s");
    figure.missing = missing;
    figure.goals = vec![
        Goal::of_herd(&["twisted"], GoalBound::AtLeast(12.0)),
        Goal::of_herd(&others[1..], GoalBound::AtLeast(7.0)),
    ];
    interleave(bench, &mut figure, &systems, |system| sunk(bench, system))?;
    Ok(vec![figure])
}

/// Sends a load to a node with four neighbours that discard its updates. Returns the reports a
/// second and the distribution of latencies.
pub(super) fn sunk(bench: &CompareBench, system: &System) -> Result<(f64, Vec<(f64, f64)>)> {
    let running = system.start(bench, HerdLayout::Hub)?;
    let load = load(bench, &running, 64, 16);
    let sinks = running.watchers.clone();
    let summary: Summary = bench.generator.perform(&Task::Sunk { load, sinks })?;
    summary.ensure_all_right()?;
    Ok((summary.per_second, summary.latency.points()))
}

pub(super) fn five_nodes(bench: &CompareBench) -> Result<Vec<Figure>> {
    let (guests, missing) = find_guests(bench, &["twisted", "asyncio-protocol-uvloop", "node-batched"]);
    let redis = [System::Redis(Protocol::Set), System::Redis(Protocol::Geoadd)];
    let systems: Vec<System> = [HERD].into_iter().chain(redis).chain(guests).collect();
    let mut figures = Vec::new();
    for spread in [true, false] {
        let clients = if spread { "clients spread" } else { "clients at one node" };
        let mut figure = Figure::new("five-nodes", format!("five nodes, everywhere, {clients}"), "updates/s");
        figure.missing.clone_from(&missing);
        if spread {
            figure.goals = vec![
                Goal::of_herd(&["redis-set"], GoalBound::AtLeast(2.5)),
                Goal::of_herd(&["redis-geoadd"], GoalBound::AtLeast(4.5)),
                Goal::of_herd(&["twisted"], GoalBound::AtLeast(7.0)),
            ];
        }
        interleave(bench, &mut figure, &systems, |system| {
            let running = system.start(bench, HerdLayout::Five)?;
            let outcome = everywhere(bench, &running, spread, 64, 16)?;
            Ok((outcome.per_second, Vec::new()))
        })?;
        figures.push(figure);
    }
    Ok(figures)
}

/// Reports many clients once each, and waits until every node has all of them. If `spread` is true,
/// the reports go to all nodes, otherwise to the first.
pub(super) fn everywhere(
    bench: &CompareBench,
    running: &RunningSystem,
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
