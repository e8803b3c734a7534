//! Rows of flood latency.

use anyhow::Result;

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, System};
use super::units::quantity;
use super::{CompareBench, HERD, find_guests, interleave};
use crate::load::flood::{Flood, FloodOutcome};
use crate::load::generator::Task;

/// The updates a second of the figures; `None` for one update at a time.
const RATES: [Option<f64>; 3] = [None, Some(10_000.0), Some(50_000.0)];

/// On the default graph. The relay shows what is possible: it only passes lines on.
pub(super) fn default_graph(bench: &CompareBench) -> Result<Vec<Figure>> {
    let (twisted, missing) = find_guests(bench, &["twisted"]);
    let mut figures = Vec::new();
    for rate in RATES {
        // Above 10,000/s, Twisted's backlog only grows.
        let twisted = twisted.iter().filter(|_| rate.is_none_or(|rate| rate <= 10_000.0)).cloned();
        let systems: Vec<System> = [HERD, System::Relay].into_iter().chain(twisted).collect();
        let [mut p50, mut p99] =
            ["p50", "p99"].map(|name| figure("flood-latency", "flood latency", rate, name));
        p50.missing.clone_from(&missing);
        let most = if rate.is_none() { 1.15 } else { 1.2 };
        p50.goals = vec![Goal::of_herd(&["relay"], GoalBound::AtMost(most))];
        if rate.is_none() {
            p50.goals.push(Goal::of_herd(&["twisted"], GoalBound::AtMost(0.3)));
        }
        measure(bench, HerdLayout::FiveWatched, &systems, rate, &mut p50, &mut p99)?;
        figures.extend([p50, p99]);
    }
    Ok(figures)
}

/// On a full mesh, so that each update takes one hop to every node, as it does in Redis and NATS.
pub(super) fn mesh(bench: &CompareBench) -> Result<Vec<Figure>> {
    let systems = [HERD, System::Relay, System::RedisChannel, System::Nats];
    let mut figures = Vec::new();
    for rate in RATES {
        let [mut p50, mut p99] =
            ["p50", "p99"].map(|name| figure("one-hop", "flood latency on a full mesh", rate, name));
        for figure in [&mut p50, &mut p99] {
            figure.goals = vec![Goal::of_herd(&["redis-pubsub"], GoalBound::AtMost(1.0))];
        }
        if rate.is_none() {
            p50.goals.push(Goal::of_herd(&["nats"], GoalBound::AtMost(0.55)));
        }
        measure(bench, HerdLayout::MeshWatched, &systems, rate, &mut p50, &mut p99)?;
        figures.extend([p50, p99]);
    }
    Ok(figures)
}

/// On a herd that is cut in two, whose halves the backbone joins.
pub(super) fn backbone(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figures = between_regions(bench, "backbone", &[HERD, System::HerdOnBackbone])?;
    for (figure, most) in figures.iter_mut().zip([2_000.0, 8_000.0, 8_000.0, 15_000.0]) {
        let (system, bound) = (System::HerdOnBackbone.name().to_owned(), GoalBound::AtMost(most));
        figure.goals = vec![Goal { system, against: Vec::new(), bound }];
    }
    Ok(figures)
}

/// Returns the median and the 99th percentile at 100/s, and then both at 10,000/s. At 100/s,
/// updates are further apart than a node lets them linger.
pub(super) fn between_regions(
    bench: &CompareBench,
    row: &'static str,
    systems: &[System],
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for rate in [100.0, 10_000.0].map(Some) {
        let [mut p50, mut p99] =
            ["p50", "p99"].map(|name| figure(row, "flood latency between regions", rate, name));
        measure(bench, HerdLayout::FiveWatched, systems, rate, &mut p50, &mut p99)?;
        figures.extend([p50, p99]);
    }
    Ok(figures)
}

fn figure(row: &'static str, what: &str, rate: Option<f64>, percentile: &str) -> Figure {
    let pace = rate.map_or("one at a time".to_owned(), |rate| format!("at {rate:.0}/s"));
    Figure::new(row, format!("{what} {pace}, {percentile}"), "us")
}

/// Adds the percentiles of interleaved rounds to two figures.
fn measure(
    bench: &CompareBench,
    layout: HerdLayout,
    systems: &[System],
    rate: Option<f64>,
    p50: &mut Figure,
    p99: &mut Figure,
) -> Result<()> {
    interleave(bench, p50, systems, |system| {
        let outcome = flood_once(bench, system, layout, rate)?;
        let late = quantity(outcome.latest, "us");
        (bench.progress)(&format!("  {}: no update was sent more than {late} late", system.name()));
        p99.add(system.name(), outcome.latency.p99, Vec::new());
        Ok((outcome.latency.p50, outcome.latency.points()))
    })
}

/// Sends updates to one node for a round, and watches the other four.
pub(super) fn flood_once(
    bench: &CompareBench,
    system: &System,
    layout: HerdLayout,
    rate: Option<f64>,
) -> Result<FloodOutcome> {
    let running = system.start(bench, layout)?;
    let watchers = running.watchers.clone();
    let flood = Flood { sender: running.sender, watchers, rate, duration: bench.round };
    bench.generator.perform(&Task::Flood(flood))
}
