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
use crate::cluster::test_herd::TestHerd;
use crate::load::generator::Task;
use crate::load::{Load, Order, Summary};

pub(super) fn idle(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figure = Figure::new("idle", "five idle nodes together, share of a core".to_owned(), "%");
    figure.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(0.5))];
    let duration = Duration::from_secs(if bench.quick { 3 } else { 10 });
    interleave(bench, &mut figure, &[HERD], |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        Ok((idle_percent(&running, duration)?, Vec::new()))
    })?;
    Ok(vec![figure])
}

/// Returns the processor time that the nodes of an idle system use together, in percent of a core.
pub(super) fn idle_percent(running: &RunningSystem, duration: Duration) -> Result<f64> {
    let used = || running.pids.iter().map(|pid| cpu_seconds(*pid)).sum::<Result<f64>>();
    let before = used()?;
    let began = Instant::now();
    thread::sleep(duration);
    Ok(100.0 * (used()? - before) / began.elapsed().as_secs_f64())
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
    let mut figures = Vec::new();
    for (layout, graph) in [
        (HerdLayout::Five, "five edges"),
        (HerdLayout::SixEdges, "six edges"),
        (HerdLayout::Mesh, "a full mesh"),
    ] {
        let title = format!("lines per fresh update, one at a time, {graph}");
        let mut figure = Figure::new("lines", title, "lines");
        // A tree of five nodes needs four lines, and the first update of each origin a whole flood.
        figure.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(4.2))];
        interleave(bench, &mut figure, &[HERD], |system| {
            let running = system.start(bench, layout)?;
            let updates = everywhere(bench, &running, false, 1, 1)?.load.answers;
            Ok((lines_sent(running)? / updates as f64, Vec::new()))
        })?;
        figures.push(figure);
    }
    let title = format!("lines per fresh update, C64 P16, {CLIENTS} clients");
    let mut loaded = Figure::new("lines", title, "lines");
    loaded.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(1.1 * 4.0))];
    interleave(bench, &mut loaded, &[HERD], |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        let mut load = load(bench, &running, 64, 16);
        load.nodes.clone_from(&running.nodes);
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        Ok((lines_sent(running)? / summary.answers as f64, Vec::new()))
    })?;
    figures.push(loaded);
    Ok(figures)
}

/// The time after which nodes have announced what they leave out. A node that stops sends the rest,
/// which would count as lines.
const ANNOUNCED: Duration = Duration::from_secs(2);

/// Stops a herd, and returns the number of updates that its nodes have sent on links.
fn lines_sent(mut running: RunningSystem) -> Result<f64> {
    let herd = running.herd.as_mut().context("only a herd counts the lines on its links")?;
    stop_settled(herd)?;
    updates_sent(herd)
}

/// Stops a herd whose nodes have nothing left to announce.
pub(super) fn stop_settled(herd: &mut TestHerd) -> Result<()> {
    thread::sleep(ANNOUNCED);
    herd.stop_all()
}

/// Sums the numbers of sent updates in the logs of a herd's stopped nodes.
pub(super) fn updates_sent(processes: &Processes) -> Result<f64> {
    sum_of_floods(processes, "sent")?.context("the nodes have not logged how many updates they sent")
}

/// Sums a field of the line that each of a herd's nodes logs about its floods as it stops. Returns
/// `None` if the nodes do not log that field.
pub(super) fn sum_of_floods(processes: &Processes, field: &str) -> Result<Option<f64>> {
    let mut sum = 0.0;
    for name in processes.names().iter().filter(|name| !is_observer(name)) {
        let log = fs::read_to_string(processes.log(name))?;
        let (_, fields) = log
            .lines()
            .find_map(|line| line.split_once("updates flooded "))
            .with_context(|| format!("no line \"updates flooded\" in the log of {name}"))?;
        let value = fields.split(' ').find_map(|word| word.split_once('=').filter(|(key, _)| *key == field));
        let Some((_, value)) = value else { return Ok(None) };
        sum +=
            value.parse::<f64>().with_context(|| format!("expected a number after {field}= in the log"))?;
    }
    Ok(Some(sum))
}
