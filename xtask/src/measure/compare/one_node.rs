//! Rows of one node alone. All clients are known before the clock starts, and report at random.

use anyhow::Result;

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, System};
use super::throughput::{CLIENTS, answered, load, make_known};
use super::{CompareBench, HERD, interleave};
use crate::load::{Load, Order, Protocol};

/// The number of clients of the row with more of them. Their records take more than a hundred times
/// the caches of a processor.
const MANY_CLIENTS: u64 = 1_000_000;

/// The pairs of connections, and commands in flight on each.
const MATRIX: [(usize, usize); 5] = [(1, 1), (64, 1), (16, 16), (64, 16), (64, 128)];

const SYSTEMS: [System; 4] =
    [HERD, System::Redis(Protocol::Set), System::Redis(Protocol::Geoadd), System::Echo];

fn title(connections: usize, depth: usize, clients: u64) -> String {
    format!("one node, C{connections} P{depth}, {clients} clients")
}

pub(super) fn one_node(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (connections, depth) in MATRIX {
        let mut figure = Figure::new("one-node", title(connections, depth, CLIENTS), "reports/s");
        figure.goals = match (connections, depth) {
            (1, 1) => vec![Goal::of_herd(&["redis-set"], GoalBound::AtLeast(0.95))],
            (64, 1) => vec![
                Goal::of_herd(&["redis-set"], GoalBound::AtLeast(1.05)),
                Goal::of_herd(&["echo"], GoalBound::AtLeast(0.92)),
            ],
            (64, 16) => vec![
                Goal::of_herd(&["redis-set"], GoalBound::AtLeast(1.8)),
                Goal::of_herd(&["redis-geoadd"], GoalBound::AtLeast(5.0)),
                Goal::of_herd(&["echo"], GoalBound::AtLeast(0.75)),
            ],
            (64, 128) => vec![Goal::of_herd(&["echo"], GoalBound::AtLeast(0.5))],
            _ => Vec::new(),
        };
        interleave(bench, &mut figure, &SYSTEMS, |system| {
            let running = system.start(bench, HerdLayout::Lone)?;
            make_known(bench, &running, CLIENTS)?;
            answered(bench, Load { order: Order::Random, ..load(bench, &running, connections, depth) })
        })?;
        figures.push(figure);
    }
    Ok(figures)
}

pub(super) fn million(bench: &CompareBench) -> Result<Vec<Figure>> {
    let mut figure = Figure::new("million", title(64, 16, MANY_CLIENTS), "reports/s");
    figure.goals = vec![
        Goal::of_herd(&["redis-set"], GoalBound::AtLeast(2.2)),
        Goal::of_herd(&["redis-geoadd"], GoalBound::AtLeast(8.0)),
    ];
    let mut growth = Figure::new("million", "one node by number of clients, C64 P16".to_owned(), "reports/s");
    let bound = GoalBound::AtLeast(0.9);
    growth.goals =
        vec![Goal { system: "1000000 clients".to_owned(), against: vec!["100000 clients"], bound }];
    interleave(bench, &mut figure, &SYSTEMS, |system| {
        let running = system.start(bench, HerdLayout::Lone)?;
        let load = Load { order: Order::Random, ..load(bench, &running, 64, 16) };
        let is_herd = system.name() == HERD.name();
        if is_herd {
            make_known(bench, &running, CLIENTS)?;
            let (per_second, latencies) = answered(bench, load.clone())?;
            growth.add("100000 clients", per_second, latencies);
        }
        make_known(bench, &running, MANY_CLIENTS)?;
        let (per_second, latencies) = answered(bench, Load { clients: MANY_CLIENTS, ..load })?;
        if is_herd {
            growth.add("1000000 clients", per_second, latencies.clone());
        }
        Ok((per_second, latencies))
    })?;
    Ok(vec![figure, growth])
}
