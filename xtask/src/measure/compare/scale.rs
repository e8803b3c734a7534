//! Measures herds of different sizes: latency by hops, lines and updates a second by nodes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::costs::{stop_settled, sum_of_floods, updates_sent};
use super::figure::{Figure, Goal, GoalBound};
use super::terminal::summary;
use super::{CompareBench, ComparisonRun, report};
use crate::cluster::graphs::{Graph, neighbours_in};
use crate::cluster::herd_file::{HerdFile, observer_of};
use crate::cluster::line_client;
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
    /// The name of the only herd to measure, instead of generated ones.
    pub herd: Option<String>,
    /// Another herd program to measure in turn with this one.
    pub former: Option<PathBuf>,
    /// Whether to measure fewer and shorter rounds.
    pub quick: bool,
    /// Whether to write the figures and their plots to `benches/results`.
    pub keep: bool,
    /// A function that gets a line for each round.
    pub progress: fn(&str),
    /// A function that gets a line every 30 seconds while programs are built.
    pub waiting: fn(&str),
}

/// A herd to measure.
struct ScaledShape {
    /// Its size, as in the report.
    name: String,
    file: HerdFile,
    /// The names of its nodes.
    nodes: Vec<String>,
    /// The node that is farthest from the first, and the number of hops to it.
    farthest: (usize, usize),
}

/// A herd of real processes. Each node may have an observer.
struct ScaledHerd<'a> {
    processes: TestHerd,
    shape: &'a ScaledShape,
}

/// The figures of all herds.
struct ScaleFigures {
    latency: Figure,
    hops: Figure,
    lines: Figure,
    updates: Figure,
    loaded_lines: Figure,
    announcements: Figure,
    speedup: Figure,
}

/// Measures one herd after another, writes the report to `target/scale`, and returns a summary.
///
/// # Errors
/// A herd does not start, or an update does not reach every node.
pub fn measure_scale(scale: &Scale) -> Result<String> {
    let folder = target_dir()?.join("scale");
    let bench = CompareBench::prepare(folder.clone(), scale.quick, scale.progress, scale.waiting)?;
    let mut run = ComparisonRun::new(&bench);
    let shapes = match &scale.herd {
        Some(name) => vec![ScaledShape::new(HerdFile::find(name)?)?],
        None => scale.nodes.iter().map(|nodes| generated(scale.graph, *nodes)).collect::<Result<_>>()?,
    };
    let mut figures = ScaleFigures::new();
    for shape in &shapes {
        run.add_load_average("scale");
        figures.add_goals(shape);
        for round in 0..bench.rounds {
            (scale.progress)(&format!("  {} round {}", shape.name, round + 1));
            let now = figures.measure(&bench, shape, &bench.herd, &shape.name)?;
            if let Some(former) = &scale.former {
                let before = figures.measure(&bench, shape, former, &format!("{}, former", shape.name))?;
                figures.speedup.add(&shape.name, now / before, Vec::new());
            }
        }
    }
    run.figures = figures.all();
    let mut written = report::write(&run, &folder)?;
    if scale.keep {
        written += &report::keep_scale(&run)?;
    }
    Ok(format!("{}\n{written}", summary(&run)))
}

fn generated(graph: Graph, nodes: u16) -> Result<ScaledShape> {
    ScaledShape::new(HerdFile::parse(&graph.herd_file(nodes, 1), "a generated herd")?)
}

impl ScaledShape {
    fn new(file: HerdFile) -> Result<ScaledShape> {
        let members = &file.herd().members;
        let nodes: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        ensure!(nodes.len() > 1, "a herd of one node has no floods to measure");
        let farthest = neighbours_in(&file).hops_from(0).last().copied().unwrap_or_default();
        let name = format!("{} nodes, {} hops", nodes.len(), farthest.1);
        let file = file.with_observers()?.with_limits("distinct_clients = 1000000000")?;
        Ok(ScaledShape { name, nodes, farthest, file })
    }
}

impl ScaleFigures {
    fn new() -> ScaleFigures {
        let figure = |title: &str, unit| Figure::new("scale", title.to_owned(), unit);
        ScaleFigures {
            latency: figure("one update until the farthest node has it, p50", "us"),
            hops: figure("the same, for each hop", "us"),
            lines: figure("lines per fresh update, one at a time", "lines"),
            updates: figure("updates everywhere, C16 P16", "updates/s"),
            loaded_lines: figure("lines per fresh update, C16 P16", "lines"),
            announcements: figure(
                "bytes of announcements for each byte of the other lines, C16 P16",
                "bytes",
            ),
            speedup: figure("updates everywhere, against the former program", "times"),
        }
    }

    fn all(self) -> Vec<Figure> {
        let ScaleFigures { latency, hops, lines, updates, loaded_lines, announcements, speedup } = self;
        let mut figures = vec![latency, hops, lines, updates, loaded_lines, announcements];
        figures.extend(Some(speedup).filter(|figure| !figure.series.is_empty()));
        figures
    }

    /// Adds the goals of a herd: an update takes one line for each node but the first.
    fn add_goals(&mut self, shape: &ScaledShape) {
        let goal = |bound| Goal { system: shape.name.clone(), against: Vec::new(), bound };
        // Five percent more, for the first update, which is flooded over all links.
        let lines = (105 * (shape.nodes.len() - 1)) as f64 / 100.0;
        self.lines.goals.push(goal(GoalBound::AtMost(lines)));
        self.announcements.goals.push(goal(GoalBound::AtMost(0.25)));
        self.speedup.goals.push(goal(GoalBound::AtLeast(1.15)));
    }

    /// Measures one round of a herd that runs `program`, and adds the values under `name`. Returns
    /// the updates everywhere a second.
    fn measure(
        &mut self,
        bench: &CompareBench,
        shape: &ScaledShape,
        program: &Path,
        name: &str,
    ) -> Result<f64> {
        let (_, distance) = shape.farthest;
        let mut herd = ScaledHerd::start(bench, shape, program)?;
        let outcome = herd.flood(bench)?;
        stop_settled(&mut herd.processes)?;
        self.hops.add(name, outcome.latency.p50 / distance as f64, Vec::new());
        // The observer gets one line of each update, which does not count. The outcome does not
        // count the first update.
        let sent = updates_sent(&herd.processes)? / (outcome.updates + 1) as f64;
        self.lines.add(name, sent - 1.0, Vec::new());
        self.latency.add(name, outcome.latency.p50, outcome.latency.points());

        let mut herd = ScaledHerd::start(bench, shape, program)?;
        let settled = herd.settle()?;
        let spread = herd.everywhere(bench)?;
        stop_settled(&mut herd.processes)?;
        let fresh = (spread.load.answers + settled) as f64;
        self.loaded_lines.add(name, updates_sent(&herd.processes)? / fresh, Vec::new());
        let bytes = |field| sum_of_floods(&herd.processes, field);
        // A former program may not count them.
        if let (Some(announcements), Some(all)) = (bytes("announcement_bytes")?, bytes("bytes")?) {
            self.announcements.add(name, announcements / (all - announcements), Vec::new());
        }
        self.updates.add(name, spread.per_second, Vec::new());
        Ok(spread.per_second)
    }
}

impl ScaledHerd<'_> {
    fn start<'a>(bench: &CompareBench, shape: &'a ScaledShape, program: &Path) -> Result<ScaledHerd<'a>> {
        let setup = |file| Setup::clean(file, program.to_owned(), bench.folder.join("herd"));
        let mut processes = TestHerd::new(&shape.file, |file, _| Processes::new(setup(file)))?;
        processes.start(&shape.nodes)?;
        Ok(ScaledHerd { processes, shape })
    }

    /// Measures updates at the first node, one after another, with a watcher of another node.
    fn flood(&mut self, bench: &CompareBench) -> Result<FloodOutcome> {
        let [first, far] = [0, self.shape.farthest.0].map(|node| &self.shape.nodes[node]);
        let flood = Flood {
            sender: Sender::Iamat(self.processes.member(first)?.client),
            watchers: vec![Watch::link_of(&self.processes, far, &observer_of(far))?],
            rate: None,
            duration: bench.round,
        };
        bench.generator.perform(&Task::Flood(flood))
    }

    /// Sends a few reports to each node, as a herd that is in use has had them, so that every node
    /// has its tree. Returns their number.
    fn settle(&self) -> Result<u64> {
        const REPORTS: u64 = 3;
        for report in 0..REPORTS {
            for node in &self.shape.nodes {
                let mut stream = line_client::connect(self.processes.member(node)?.client)?;
                let answer = line_client::ask(&mut stream, &format!("IAMAT settle-{report}-{node} +0+0 1"))?;
                ensure!(answer.starts_with("AT "), "expected an AT line from {node}, not {answer:?}");
            }
        }
        Ok(REPORTS * self.shape.nodes.len() as u64)
    }

    fn everywhere(&mut self, bench: &CompareBench) -> Result<Spread> {
        let clients = self.shape.nodes.iter().map(|node| Ok(self.processes.member(node)?.client));
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
            ..Load::default()
        };
        let spread = bench.generator.perform(&Task::Everywhere(Everywhere { load, nodes }));
        spread.with_context(|| format!("a herd of {}", self.shape.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_node_is_as_far_as_the_graph_is_wide() {
        let shape = |graph, nodes| generated(graph, nodes).unwrap().farthest;
        assert_eq!(shape(Graph::Line, 5), (4, 4));
        assert_eq!(shape(Graph::Ring, 6), (3, 3));
        assert_eq!(shape(Graph::Grid, 25), (24, 8));
        assert_eq!(shape(Graph::Mesh, 5).1, 1);
    }
}
