//! Rows of memory: bytes for each client, and how long reports wait while a node grows.

use anyhow::{Context, Result};

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, RunningSystem, System};
use super::throughput::{make_known, report_all};
use super::{CompareBench, HERD, interleave};
use crate::cluster::proc_usage::resident_bytes;
use crate::load::Protocol;

/// The times that each client is updated, in random order, before bytes are counted: what updates
/// leave behind counts as well.
const UPDATES: u64 = 5;

/// The number of rounds, at most. Memory varies little from round to round.
const ROUNDS: usize = 3;

/// The numbers of clients of a smaller and of a larger node.
fn sizes(bench: &CompareBench) -> [u64; 2] {
    if bench.quick { [200_000, 2_000_000] } else { [1_000_000, 10_000_000] }
}

pub(super) fn bytes(bench: &CompareBench) -> Result<Vec<Figure>> {
    let [clients, _] = sizes(bench);
    let mut figure = Figure::new("memory", title(clients), "bytes");
    figure.goals = vec![
        Goal::of_herd(&["redis-set"], GoalBound::AtMost(0.55)),
        Goal::of_herd(&["redis-geoadd"], GoalBound::AtMost(0.95)),
    ];
    let systems = [HERD, System::Redis(Protocol::Set), System::Redis(Protocol::Geoadd)];
    interleave(&bench.with_rounds(ROUNDS), &mut figure, &systems, |system| {
        let running = system.start(bench, HerdLayout::Lone)?;
        let before = resident_bytes(running.pids[0])?;
        make_known(bench, &running, clients)?;
        Ok((updated_bytes(bench, &running, before, clients)?, Vec::new()))
    })?;
    Ok(vec![figure])
}

fn title(clients: u64) -> String {
    format!("resident bytes a client, {clients} clients of 25-byte ids, each updated {UPDATES} times")
}

/// Updates all clients, and returns how many bytes each of them takes more than `before`.
fn updated_bytes(bench: &CompareBench, running: &RunningSystem, before: f64, clients: u64) -> Result<f64> {
    report_all(bench, running, 64, 128, clients, UPDATES)?;
    Ok((resident_bytes(running.pids[0])? - before) / clients as f64)
}

pub(super) fn growth(bench: &CompareBench) -> Result<Vec<Figure>> {
    let [few, many] = sizes(bench);
    let [by_few, by_many] = [few, many].map(|clients| format!("{} M clients", clients as f64 / 1e6));
    let mut bytes = Figure::new("growth", "resident bytes a client by number of clients".to_owned(), "bytes");
    let against = vec![if bench.quick { "0.2 M clients" } else { "1 M clients" }];
    bytes.goals = vec![Goal { system: by_many.clone(), against, bound: GoalBound::AtMost(1.05) }];
    let [mut p9999, mut longest] = ["p99.99", "maximum"].map(|name| {
        let title = format!("time of a report while a node grows to {many} clients, C16 P16, {name}");
        Figure::new("growth", title, "ms")
    });
    longest.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(20.0))];
    for round in 0..bench.rounds.min(ROUNDS) {
        for (name, clients) in [(&by_few, few), (&by_many, many)] {
            let running = HERD.start(bench, HerdLayout::Lone)?;
            let before = resident_bytes(running.pids[0])?;
            let latency = report_all(bench, &running, 16, 16, clients, 1)?.latency;
            if clients == many {
                p9999.add("herd", latency.at(0.9999).context("a distribution has p99.99")? / 1e3, Vec::new());
                longest.add("herd", latency.max / 1e3, Vec::new());
            }
            let each = updated_bytes(bench, &running, before, clients)?;
            (bench.progress)(&format!("  round {}: {name}: {each:.1} bytes each; {latency}", round + 1));
            bytes.add(name, each, Vec::new());
        }
    }
    Ok(vec![bytes, p9999, longest])
}
