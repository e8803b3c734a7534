//! The row of the same work in two regions, done by a herd on the backbone and by a Redis primary
//! with a replica: when the other region has an update, and what is lost if the node that answers
//! reports is killed.

use std::thread;

use anyhow::{Context, Result};

use super::figure::Figure;
use super::flood_latency::between_regions;
use super::systems::{HerdLayout, System};
use super::{CompareBench, interleave};
use crate::load::fail_over::{FailOver, FailOverOutcome};
use crate::load::generator::Task;

/// The name of the row.
const ROW: &str = "fail-over";

/// The reports a second; `None` for as many as are answered.
const RATES: [Option<f64>; 2] = [Some(10_000.0), None];

/// The systems, which keep each report in two regions.
const SYSTEMS: [System; 2] = [System::HerdOnBackbone, System::RedisReplica];

pub(super) fn fail_over(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figures = between_regions(bench, ROW, &SYSTEMS)?;
    for rate in RATES {
        figures.extend(lost(bench, rate)?);
    }
    Ok(figures)
}

/// The answered reports that the other region never gets, in each round and at most.
fn lost(bench: &CompareBench, rate: Option<f64>) -> Result<[Figure; 3]> {
    let pace = rate.map_or("at full load".to_owned(), |rate| format!("at {rate:.0}/s"));
    let figure = |title: String, unit| Figure::new(ROW, title, unit);
    let mut lost = figure(format!("answered reports lost when the node is killed {pace}"), "reports");
    let mut share = figure(format!("the same {pace}, of all answered reports"), "percent");
    interleave(bench, &mut lost, &SYSTEMS, |system| {
        let outcome = kill_once(bench, system, rate)?;
        (bench.progress)(&format!("  {} of {} answered reports were lost", outcome.lost, outcome.answered));
        share.add(system.name(), outcome.lost_percent(), Vec::new());
        Ok((outcome.lost as f64, Vec::new()))
    })?;
    let mut most = figure(format!("the same {pace}, in the worst round"), "reports");
    for series in &lost.series {
        most.add(&series.system, series.values.iter().copied().fold(0.0, f64::max), Vec::new());
    }
    Ok([lost, most, share])
}

/// Starts a system, reports clients to its first node, and kills the node after a round.
fn kill_once(bench: &CompareBench, system: &System, rate: Option<f64>) -> Result<FailOverOutcome> {
    let running = system.start(bench, HerdLayout::Five)?;
    let successor = running.across.context("the system is in one region")?;
    let (protocol, server) = (running.protocol, running.all[0]);
    let fail_over = FailOver { protocol, server, successor, connections: 16, depth: 16, rate };
    thread::scope(|scope| {
        let outcome = scope.spawn(|| bench.generator.perform(&Task::FailOver(fail_over)));
        thread::sleep(bench.round);
        running.kill_first()?;
        outcome.join().expect("generators do not panic")
    })
}
