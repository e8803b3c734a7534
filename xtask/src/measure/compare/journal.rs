//! Rows of the journal: what it costs, and how long its replay takes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::costs::one_node_by;
use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, System};
use super::throughput::make_known;
use super::units::quantity;
use super::{CompareBench, HERD};

/// A node with a journal, as most herds run.
const EVERYSEC: System = System::Herd("everysec", &["--durability", "everysec"]);

/// The timeout of a replay.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(120);

/// The number of rounds of a replay, at most. Its time varies little from round to round.
const ROUNDS: usize = 3;

pub(super) fn durable(bench: &CompareBench) -> Result<Vec<Figure>> {
    let systems = [HERD, EVERYSEC, System::Herd("always", &["--durability", "always"])];
    let goals = [("everysec", 0.9), ("always", 0.6)].map(|(system, least)| Goal {
        system: system.to_owned(),
        against: vec!["herd"],
        bound: GoalBound::AtLeast(least),
    });
    one_node_by("durable", "durability", bench, &systems, &goals)
}

pub(super) fn replay(bench: &CompareBench) -> Result<Vec<Figure>> {
    let sizes =
        if bench.quick { [(200_000, 0.14), (2_000_000, 1.6)] } else { [(1_000_000, 0.7), (10_000_000, 8.0)] };
    let mut figures = Vec::new();
    for (clients, seconds) in sizes {
        let title = format!("start of a node with a journal of {clients} clients, until it is ready");
        let mut figure = Figure::new("replay", title, "s");
        figure.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(seconds))];
        for round in 0..bench.rounds.min(ROUNDS) {
            let mut running = EVERYSEC.start(bench, HerdLayout::Lone)?;
            make_known(bench, &running, clients)?;
            let herd = running.herd.as_mut().context("only a herd has a journal")?;
            herd.stop_all()?;
            let names = herd.names();
            let began = Instant::now();
            herd.start_within(&names, REPLAY_TIMEOUT)?;
            let took = began.elapsed().as_secs_f64();
            (bench.progress)(&format!("  {}, round {}: {}", figure.title, round + 1, quantity(took, "s")));
            figure.add("herd", took, Vec::new());
        }
        figures.push(figure);
    }
    Ok(figures)
}
