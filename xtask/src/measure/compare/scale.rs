//! Measures herds of different sizes: latency by hops, lines and updates a second by nodes.

use std::collections::VecDeque;

use anyhow::{Context, Result};

use super::costs::updates_sent;
use super::figure::Figure;
use super::{CompareBench, ComparisonRun, report};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::{HerdFile, observer_of};
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::cluster::workspace::target_dir;
use crate::load::everywhere::{Everywhere, Spread};
use crate::load::flood::{Flood, FloodOutcome, Sender, Watch};
use crate::load::generator::Task;
use crate::load::{Load, Order, Protocol};

/// The settings of a measurement.
#[derive(Clone, Debug)]
pub struct Scale {
    /// The number of nodes of each herd.
    pub nodes: Vec<u16>,
    /// The graph of all herds.
    pub graph: Graph,
    /// Whether to measure fewer and shorter rounds.
    pub quick: bool,
    /// Whether to write the figures and their plots to `benches/results`.
    pub keep: bool,
    /// A function that gets a line for each round.
    pub progress: fn(&str),
}

/// A herd of real processes. Each node may have an observer.
struct ScaledHerd {
    processes: TestHerd,
    graph: Graph,
    nodes: u16,
}

/// Measures one herd after another, writes the report to `target/scale`, and returns a summary.
///
/// # Errors
/// A herd does not start, or an update does not reach every node.
pub fn measure_scale(scale: &Scale) -> Result<String> {
    let folder = target_dir()?.join("scale");
    let bench = CompareBench::prepare(folder.clone(), scale.quick, scale.progress)?;
    let mut run = ComparisonRun::new(&bench);
    let figure = |title: &str, unit| Figure::new("scale", title.to_owned(), unit);
    let mut latency = figure("one update until the farthest node has it, p50", "us");
    let mut hops = figure("the same, for each hop", "us");
    let mut lines = figure("lines per fresh update, one at a time", "lines");
    let mut updates = figure("updates everywhere, C16 P16", "updates/s");
    for nodes in &scale.nodes {
        run.add_load_average("scale");
        for round in 0..bench.rounds {
            let (far, distance) = farthest(scale.graph, *nodes);
            let name = format!("{nodes} nodes, {distance} hops");
            let mut herd = ScaledHerd::start(&bench, scale.graph, *nodes)?;
            let outcome = herd.flood(&bench, far)?;
            let sent = herd.stop()?;
            (scale.progress)(&format!("  {name} round {}: p50 {:.0} us", round + 1, outcome.latency.p50));
            hops.add(&name, outcome.latency.p50 / distance as f64, Vec::new());
            // The observer gets one line of each update, which does not count. The outcome does not
            // count the first update.
            lines.add(&name, sent / (outcome.updates + 1) as f64 - 1.0, Vec::new());
            latency.add(&name, outcome.latency.p50, outcome.latency.points());
            let spread = ScaledHerd::start(&bench, scale.graph, *nodes)?.everywhere(&bench)?;
            updates.add(&name, spread.per_second, Vec::new());
        }
    }
    run.figures = vec![latency, hops, lines, updates];
    let mut written = report::write(&run, &folder)?;
    if scale.keep {
        written += &report::keep_scale(&run)?;
    }
    Ok(format!("{}\n{written}", report::table(&run)))
}

/// The node that is farthest from the first, and the number of hops to it.
fn farthest(graph: Graph, nodes: u16) -> (usize, usize) {
    let edges = graph.edges(usize::from(nodes));
    let mut distances = vec![None; usize::from(nodes)];
    distances[0] = Some(0);
    let mut frontier = VecDeque::from([(0, 0)]);
    let mut last = (0, 0);
    while let Some((node, distance)) = frontier.pop_front() {
        last = (node, distance);
        for &(low, high) in &edges {
            let other = if low == node {
                high
            } else if high == node {
                low
            } else {
                continue;
            };
            if distances[other].is_none() {
                distances[other] = Some(distance + 1);
                frontier.push_back((other, distance + 1));
            }
        }
    }
    last
}

impl ScaledHerd {
    fn start(bench: &CompareBench, graph: Graph, nodes: u16) -> Result<ScaledHerd> {
        let file = HerdFile::parse(&graph.herd_file(nodes, 1), "a generated herd")?.with_observers()?;
        let file = file.with_limits("distinct_clients = 1000000000")?;
        let setup = |file| Setup::clean(file, bench.herd.clone(), bench.folder.join("herd"));
        let mut processes = TestHerd::new(&file, |file, _| Processes::new(setup(file)))?;
        processes.start(&(1..=nodes).map(|node| format!("Node{node}")).collect::<Vec<_>>())?;
        Ok(ScaledHerd { processes, graph, nodes })
    }

    /// Measures updates at the first node, one after another, with a watcher of another node.
    fn flood(&mut self, bench: &CompareBench, far: usize) -> Result<FloodOutcome> {
        let node = format!("Node{}", far + 1);
        let flood = Flood {
            sender: Sender::Iamat(self.processes.member("Node1")?.client),
            watchers: vec![Watch::link_of(&self.processes, &node, &observer_of(&node))?],
            rate: None,
            duration: bench.round,
        };
        bench.generator.perform(&Task::Flood(flood))
    }

    fn everywhere(&mut self, bench: &CompareBench) -> Result<Spread> {
        let clients = (1..=self.nodes).map(|node| Ok(self.processes.member(&format!("Node{node}"))?.client));
        let nodes = clients.collect::<Result<Vec<_>>>()?;
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: nodes.clone(),
            connections: 16,
            depth: 16,
            rate: None,
            clients: u64::from(u32::MAX),
            order: Order::InTurn,
            duration: bench.round,
        };
        let spread = bench.generator.perform(&Task::Everywhere(Everywhere { load, nodes }));
        spread.with_context(|| format!("a herd of {} on a {:?}", self.nodes, self.graph))
    }

    /// Stops the herd, and returns the number of updates that its nodes have sent, including those
    /// to the observer.
    fn stop(mut self) -> Result<f64> {
        self.processes.stop_all()?;
        updates_sent(&self.processes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_node_is_as_far_as_the_graph_is_wide() {
        assert_eq!(farthest(Graph::Line, 5), (4, 4));
        assert_eq!(farthest(Graph::Ring, 6), (3, 3));
        assert_eq!(farthest(Graph::Grid, 25), (24, 8));
        assert_eq!(farthest(Graph::Mesh, 5).1, 1);
    }
}
