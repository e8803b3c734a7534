//! The row of a herd that is cut in two, and joined by the backbone: what clients, the other region
//! and the servers notice of reports.

use anyhow::Result;

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, System};
use super::throughput::{load, make_known};
use super::{CompareBench, HERD, interleave};
use crate::cluster::backbone::NatsServers;
use crate::cluster::proc_usage::cpu_seconds;
use crate::load::everywhere::{Everywhere, Spread};
use crate::load::generator::Task;
use crate::load::{Load, Summary};

/// The name of the row.
const ROW: &str = "regions";

/// The reports a second while latency is measured.
const RATE: f64 = 10_000.0;

/// The number of clients that report at this rate.
const CLIENTS: u64 = 100_000;

pub(super) fn regions(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figures = vec![latency(bench)?];
    figures.extend(full_load(bench)?);
    Ok(figures)
}

/// The latency of reports in one region.
fn latency(bench: &CompareBench) -> Result<Figure> {
    let mut figure = Figure::new(ROW, format!("IAMAT latency at {RATE:.0}/s in one region, p99"), "us");
    figure.goals = vec![Goal { against: vec!["herd"], ..goal(GoalBound::AtMost(1.1)) }];
    interleave(bench, &mut figure, &[HERD, System::HerdOnBackbone], |system| {
        let mut running = system.start(bench, HerdLayout::Five)?;
        make_known(bench, &running, CLIENTS)?;
        // Their first reports must no longer be under way to the other region.
        running.wait_until_all(|status| status["clients"] == CLIENTS, "does not know all clients")?;
        let load = Load { rate: Some(RATE), ..load(bench, &running, 16, 1) };
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        summary.ensure_all_right()?;
        Ok((summary.latency.p99, summary.latency.points()))
    })?;
    Ok(figure)
}

/// Reports of new clients as fast as they are answered, until all nodes have them.
fn full_load(bench: &CompareBench) -> Result<[Figure; 3]> {
    let mut answered = Figure::new(ROW, "full load in one region, C64 P16, answered".to_owned(), "reports/s");
    answered.goals = vec![goal(GoalBound::AtLeast(150_000.0))];
    let mut late = Figure::new(ROW, "the same, until all nodes have the last report".to_owned(), "s");
    late.goals = vec![goal(GoalBound::AtMost(2.0))];
    let mut cost =
        Figure::new(ROW, "the same, processor time of the servers for each report".to_owned(), "us");
    cost.goals = vec![goal(GoalBound::AtMost(2.5))];
    interleave(bench, &mut answered, &[HERD, System::HerdOnBackbone], |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        let used = || running.servers.iter().flat_map(NatsServers::pids).map(cpu_seconds).sum();
        let before: Result<f64> = used();
        let load = Load { clients: u64::from(u32::MAX), ..load(bench, &running, 64, 16) };
        let everywhere = Everywhere { load, nodes: running.all.clone() };
        let spread: Spread = bench.generator.perform(&Task::Everywhere(everywhere))?;
        late.add(system.name(), spread.seconds - spread.load.seconds, Vec::new());
        if running.servers.is_some() {
            let seconds = used()? - before?;
            cost.add(system.name(), seconds * 1e6 / spread.load.answers as f64, Vec::new());
        }
        Ok((spread.load.per_second, Vec::new()))
    })?;
    Ok([answered, late, cost])
}

/// A goal for the median of the herd on the backbone.
fn goal(bound: GoalBound) -> Goal {
    Goal { system: System::HerdOnBackbone.name().to_owned(), against: Vec::new(), bound }
}
