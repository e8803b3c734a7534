//! The row of what people ask who choose a runtime for a herd: how quickly five nodes start, the
//! memory and the processor time that they use, how soon they answer and flood, and how much code
//! they are.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use fixtures::checkout::root;

use super::code_size::lines_of_code;
use super::costs::idle_percent;
use super::figure::Figure;
use super::flood_latency::flood_once;
use super::systems::{HerdLayout, RunningSystem, System};
use super::throughput::{LONGEST, load};
use super::{CompareBench, HERD, find_guests, interleave};
use crate::cluster::proc_usage::resident_bytes;
use crate::load::everywhere::{Everywhere, Spread};
use crate::load::generator::Task;
use crate::load::{Latency, Load, Order, Summary};

/// The name of the row.
pub(super) const ROW: &str = "runtimes";

/// The guests. Others of `benches/peers` differ from these in one setting.
const GUESTS: [&str; 5] = ["twisted", "asyncio-streams", "asyncio-protocol", "node", "node-batched"];

/// The time after a start until nodes count as idle.
const SETTLED: Duration = Duration::from_millis(500);

/// What is measured, its unit, the value of one round, and its distribution.
type Measured = (String, &'static str, f64, Vec<(f64, f64)>);

pub(super) fn runtimes(bench: &CompareBench) -> Result<Vec<Figure>> {
    let (guests, missing) = find_guests(bench, &GUESTS);
    let systems: Vec<System> = [HERD].into_iter().chain(guests).collect();
    let mut start = Figure::new(ROW, "start of five nodes".to_owned(), "s");
    start.missing = missing;
    let mut others: Vec<Figure> = Vec::new();
    interleave(bench, &mut start, &systems, |system| {
        let (ready, measured) = measure(bench, system)?;
        for (title, unit, value, distribution) in measured {
            let number = others.iter().position(|figure| figure.title == title).unwrap_or_else(|| {
                others.push(Figure::new(ROW, title, unit));
                others.len() - 1
            });
            others[number].add(system.name(), value, distribution);
        }
        Ok((ready, Vec::new()))
    })?;
    Ok([start].into_iter().chain(others).collect())
}

/// Measures a herd for one round. Returns the seconds from the start of its nodes until all accept
/// clients, and what else was measured.
fn measure(bench: &CompareBench, system: &System) -> Result<(f64, Vec<Measured>)> {
    let clients = if bench.quick { 10_000 } else { 100_000 };
    let running = system.start(bench, HerdLayout::Five)?;
    let ready = running.ready_after.context("only herds are measured in this row")?;
    thread::sleep(SETTLED);
    let empty = bytes_of_a_node(&running)?;
    let idle = idle_percent(&running, bench.round)?;
    let spread = report_everywhere(bench, &running, clients)?;
    let full = bytes_of_a_node(&running)?;
    let one_at_a_time = Load { clients, ..load(bench, &running, 1, 1) };
    let reported: Summary = bench.generator.perform(&Task::Load { load: one_at_a_time, live: false })?;
    reported.ensure_all_right()?;
    drop(running);
    let flooded = flood_once(bench, system, HerdLayout::FiveWatched, None)?;

    let value = |title: &str, unit, value| (title.to_owned(), unit, value, Vec::new());
    let mut measured = vec![
        value("memory, empty", "bytes", empty),
        value(&format!("memory, {} k clients", clients / 1_000), "bytes", full),
        value("idle herd, of a core", "%", idle),
        value("updates everywhere", "updates/s", spread.per_second),
    ];
    measured.extend(percentiles("IAMAT", &reported.latency));
    measured.extend(percentiles("flood", &flooded.latency));
    measured.push(value("lines of code", "", lines_of_code(&sources(system))? as f64));
    Ok((ready.as_secs_f64(), measured))
}

/// Returns the resident memory of a node: the mean of all nodes.
fn bytes_of_a_node(running: &RunningSystem) -> Result<f64> {
    let sum: f64 = running.pids.iter().map(|pid| resident_bytes(*pid)).sum::<Result<f64>>()?;
    Ok(sum / running.pids.len() as f64)
}

/// Reports new clients to all nodes, each once, and waits until every node knows all of them.
fn report_everywhere(bench: &CompareBench, running: &RunningSystem, clients: u64) -> Result<Spread> {
    let load = Load {
        nodes: running.nodes.clone(),
        clients,
        order: Order::Passes(1),
        duration: LONGEST,
        ..load(bench, running, 64, 16)
    };
    bench.generator.perform(&Task::Everywhere(Everywhere { load, nodes: running.all.clone() }))
}

fn percentiles(what: &str, latency: &Latency) -> [Measured; 2] {
    let title = |percentile| format!("{what}, {percentile}");
    [(title("p50"), "us", latency.p50, latency.points()), (title("p99"), "us", latency.p99, Vec::new())]
}

/// Returns the files and folders of a herd's program.
fn sources(system: &System) -> Vec<PathBuf> {
    match system {
        System::Guest(guest) => guest.sources.clone(),
        _ => vec![root().join("herd/src")],
    }
}
