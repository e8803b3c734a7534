//! `broadcast`: simulate the broadcast challenge of Gossip Glomers: 25 nodes, links of 100 ms, 100
//! updates a second.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use herd::node::Limits;

use crate::cluster::graphs::Graph;
use crate::commands::print::{output_width, print};
use crate::oracle::{Persistence, check_history};
use crate::sim::plan::{Op, Plan, WIDE};
use crate::sim::run_watched;
use crate::text::fitted_table;

/// The setting of the challenges 3d and 3e: <https://fly.io/dist-sys/3d/>.
const NODES: usize = 25;
const LATENCY: Duration = Duration::from_millis(100);
const INTERVAL: Duration = Duration::from_millis(10);

/// How long updates are sent, in virtual time.
const SENDING: Duration = Duration::from_secs(10);

/// The targets of the challenges: name, messages for each update, and milliseconds until all nodes
/// have an update, median and longest. A herd meets a target if its figures are smaller.
const TARGETS: [(&str, f64, u64, u64); 2] = [("3d", 30.0, 400, 600), ("3e", 20.0, 1_000, 2_000)];

/// Simulates the setting on a tree, a hub and a grid, and prints the figures and the targets.
///
/// # Errors
/// A herd violated an invariant, or an update did not reach all nodes.
pub fn simulate_broadcast() -> Result<()> {
    let mut rows = vec![
        ["GRAPH", "MEDIAN", "LONGEST", "MESSAGES AN UPDATE", "LINES AN UPDATE", "MEETS"].map(str::to_owned),
    ];
    for (name, graph) in [("tree", Graph::Tree), ("hub", Graph::Star), ("grid", Graph::Grid)] {
        rows.push(measure_graph(name, graph)?);
    }
    let targets = TARGETS.map(|(name, messages, median, longest)| {
        format!(
            "{name}: fewer than {messages} messages an update, and less than {median} ms median, \
             {longest} ms longest\n"
        )
    });
    print(&format!(
        "{NODES} nodes, links of {} ms, an update every {} ms at a random node; \
         times until the last node has an update\n\n{}\n{}",
        LATENCY.as_millis(),
        INTERVAL.as_millis(),
        fitted_table(&rows, &[4, 3], output_width()),
        targets.concat()
    ))
}

/// Simulates the setting on one graph, and returns its row of the table.
fn measure_graph(name: &str, graph: Graph) -> Result<[String; 6]> {
    let plan = plan_of(graph);
    // For each update: when the first and the last node learned it, and how many nodes did.
    let mut spread: BTreeMap<String, (Duration, Duration, usize)> = BTreeMap::new();
    let ran = run_watched(&plan, |at, _, line| {
        let (_, last, nodes) = spread.entry(line.to_owned()).or_insert((at, at, 0));
        *last = at;
        *nodes += 1;
    });
    let verdict = check_history(&ran.history);
    ensure!(verdict.violations.is_empty(), "{verdict}");
    ensure!(spread.values().all(|(_, _, nodes)| *nodes == NODES), "an update did not reach all nodes");
    let mut latencies: Vec<u64> =
        spread.values().map(|(first, last, _)| (*last - *first).as_millis() as u64).collect();
    latencies.sort_unstable();
    let (median, longest) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
    let updates = spread.len() as f64;
    let messages = ran.messages as f64 / updates;
    let lines = ran.history.endings.iter().map(|ending| ending.sent).sum::<u64>() as f64 / updates;
    let meets = TARGETS
        .iter()
        .filter(|(_, most, typical, last)| messages < *most && median < *typical && longest < *last);
    let meets: Vec<&str> = meets.map(|(target, ..)| *target).collect();
    Ok([
        name.to_owned(),
        format!("{median} ms"),
        format!("{longest} ms"),
        format!("{messages:.1}"),
        format!("{lines:.1}"),
        if meets.is_empty() { "none".to_owned() } else { meets.join(", ") },
    ])
}

/// Returns the plan of a run on a graph, without faults.
fn plan_of(graph: Graph) -> Plan {
    let mut rng = fastrand::Rng::with_seed(0);
    let times = (0..).map(|number| INTERVAL * number).take_while(|at| *at < SENDING);
    let op = |(number, at)| {
        let line = format!("IAMAT client-{number} +1+1 1");
        Op { at: Duration::from_secs(2) + at, node: rng.usize(..NODES), line }
    };
    let ops: Vec<Op> = times.enumerate().map(op).collect();
    Plan {
        seed: 0,
        nodes: NODES,
        regions: 1,
        shards: 1,
        graph,
        durability: Persistence::Memory,
        latency: LATENCY,
        jitter: Duration::ZERO,
        window: WIDE,
        bulk_sync: Limits::default().bulk_sync,
        faults: Vec::new(),
        backbone: Vec::new(),
        end: Duration::from_secs(2) + SENDING,
        calm: None,
        leap: None,
        ops,
    }
}
