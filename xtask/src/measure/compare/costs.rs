//! Rows of costs: lines between nodes, processor time, and what a node pays for being looked at.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, RunningSystem, System};
use super::throughput::{CLIENTS, answered, everywhere, load, make_known};
use super::{CompareBench, HERD, interleave};
use crate::cluster::event_reader::EventReader;
use crate::cluster::herd_file::is_observer;
use crate::cluster::proc_usage::cpu_seconds;
use crate::cluster::processes::{INSECURE_LINKS, Processes};
use crate::load::generator::Task;
use crate::load::{Load, Order, Summary};

pub(super) fn idle(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figure = Figure::new("idle", "five idle nodes together, share of a core".to_owned(), "%");
    figure.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(0.5))];
    let duration = Duration::from_secs(if bench.quick { 3 } else { 10 });
    interleave(bench, &mut figure, &[HERD], |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        let used = || running.pids.iter().map(|pid| cpu_seconds(*pid)).sum::<Result<f64>>();
        let before = used()?;
        let began = Instant::now();
        thread::sleep(duration);
        Ok((100.0 * (used()? - before) / began.elapsed().as_secs_f64(), Vec::new()))
    })?;
    Ok(vec![figure])
}

pub(super) fn logging(bench: &CompareBench) -> Result<Vec<Figure>> {
    let systems = [
        System::Herd("log-error", &["--log-level", "error"]),
        System::Herd("log-info", &["--log-level", "info"]),
        System::Herd("log-debug", &["--log-level", "debug"]),
    ];
    let goals = [("log-info", 0.9), ("log-debug", 0.5)].map(|(system, least)| Goal {
        system: system.to_owned(),
        against: vec!["log-error"],
        bound: GoalBound::AtLeast(least),
    });
    one_node_by("logging", "log level", bench, &systems, &goals)
}

pub(super) fn metrics(bench: &CompareBench) -> Result<Vec<Figure>> {
    let goal = Goal::of_herd(&["no-admin-port"], GoalBound::AtLeast(0.98));
    one_node_by("metrics", "admin port", bench, &[HERD, System::HerdWithoutAdmin], &[goal])
}

/// The number of readers of a watched node's events.
const READERS: usize = 2;

pub(super) fn watched(bench: &CompareBench) -> Result<Vec<Figure>> {
    let title = "one node, watched by two readers of /events, C64 P16".to_owned();
    let mut figure = Figure::new("watched", title, "reports/s");
    let watched = System::Herd("herd-watched", &[INSECURE_LINKS]);
    figure.goals = vec![Goal {
        system: "herd-watched".to_owned(),
        against: vec!["herd"],
        bound: GoalBound::AtLeast(0.97),
    }];
    interleave(bench, &mut figure, &[HERD, watched], |system| {
        let mut running = system.start(bench, HerdLayout::Lone)?;
        let readers = if system.name() == HERD.name() { 0 } else { READERS };
        let herd = running.herd.as_mut().context("only a herd has events")?;
        let name = herd.names()[0].clone();
        let admin = herd.admin(&name)?.with_context(|| format!("{name} has ended"))?;
        let readers = (0..readers).map(|_| EventReader::open(admin)).collect::<Result<Vec<_>>>()?;
        let measured = answered(bench, load(bench, &running, 64, 16));
        for events in readers.into_iter().map(EventReader::close) {
            ensure!(events > 0, "a reader of /events has read nothing");
        }
        measured
    })?;
    Ok(vec![figure])
}

/// Measures the reports a second at one node, started with different arguments.
pub(super) fn one_node_by(
    row: &'static str,
    what: &str,
    bench: &CompareBench,
    systems: &[System],
    goals: &[Goal],
) -> Result<Vec<Figure>> {
    let title = format!("one node by {what}, C64 P16, {CLIENTS} clients");
    let mut figure = Figure::new(row, title, "reports/s");
    figure.goals = goals.to_vec();
    interleave(bench, &mut figure, systems, |system| {
        let running = system.start(bench, HerdLayout::Lone)?;
        make_known(bench, &running, CLIENTS)?;
        answered(bench, Load { order: Order::Random, ..load(bench, &running, 64, 16) })
    })?;
    Ok(vec![figure])
}

pub(super) fn lines(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut idle = Figure::new("lines", "lines per fresh update, one at a time".to_owned(), "lines");
    // A tree of five nodes needs four lines, and the first update of each origin a whole flood.
    idle.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(4.2))];
    interleave(bench, &mut idle, &[HERD], |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        let updates = everywhere(bench, &running, false, 1, 1)?.load.answers;
        Ok((lines_sent(running)? / updates as f64, Vec::new()))
    })?;
    let title = format!("lines per fresh update, C64 P16, {CLIENTS} clients");
    let mut loaded = Figure::new("lines", title, "lines");
    // The default graph has 5 edges, so this is a flood over all links.
    loaded.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(2.0 * 5.0 - 4.0))];
    interleave(bench, &mut loaded, &[HERD], |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        let mut load = load(bench, &running, 64, 16);
        load.nodes.clone_from(&running.nodes);
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        Ok((lines_sent(running)? / summary.answers as f64, Vec::new()))
    })?;
    Ok(vec![idle, loaded])
}

/// Stops a herd, and returns the number of updates that its nodes have sent on links.
fn lines_sent(mut running: RunningSystem) -> Result<f64> {
    let herd = running.herd.as_mut().context("only a herd counts the lines on its links")?;
    herd.stop_all()?;
    updates_sent(herd)
}

/// Sums the numbers of sent updates in the logs of a herd's stopped nodes.
pub(super) fn updates_sent(processes: &Processes) -> Result<f64> {
    let mut sent = 0.0;
    for name in processes.names().iter().filter(|name| !is_observer(name)) {
        let log = fs::read_to_string(processes.log(name))?;
        let line = log
            .lines()
            .find_map(|line| line.split_once("updates flooded sent="))
            .with_context(|| format!("no line \"updates flooded\" in the log of {name}"))?;
        let number = line.1.split(' ').next().unwrap_or_default();
        sent += number.parse::<f64>().context("expected a number of updates in the log")?;
    }
    Ok(sent)
}
