//! Compares this herd with other systems under the same load: rows of figures, their goals, and a
//! report.

mod building;
mod code_size;
mod costs;
mod fail_over;
mod figure;
mod flood_latency;
mod instructions;
mod journal;
mod memory;
mod one_node;
mod places;
mod plot;
mod regions;
mod report;
mod runtimes;
pub mod scale;
mod systems;
mod terminal;
mod throughput;
mod tls;
mod units;
mod whatsat;

use figure::Figure;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use herd::nearest::choices;
use serde::Serialize;

use crate::cluster::bundled_guests;
use crate::cluster::proc_usage::load_average;
use crate::cluster::processes::INSECURE_LINKS;
use crate::cluster::workspace::target_dir;
use crate::load::generator::Generator;
use crate::measure::machine_info::{MachineInfo, versions};
use building::build_programs;
use report::Kept;
use systems::System;
use terminal::summary;
use units::quantity;

/// A row: its name, a description, and the function that measures it.
struct Row {
    name: &'static str,
    about: &'static str,
    measure: fn(&CompareBench) -> Result<Vec<Figure>>,
}

const ROWS: [Row; 23] = [
    Row {
        name: "one-node",
        about: "reports a second at one node alone, compared with Redis and an echo server",
        measure: one_node::one_node,
    },
    Row {
        name: "million",
        about: "the same at 1,000,000 clients, and compared with 100,000",
        measure: one_node::million,
    },
    Row {
        name: "flooding",
        about: "reports a second at one node that floods to four",
        measure: throughput::flooding,
    },
    Row {
        name: "five-nodes",
        about: "updates a second, counted when every node has every update",
        measure: throughput::five_nodes,
    },
    Row {
        name: "runtimes",
        about: "start, memory, idle cost, latency and size of herds on Twisted, asyncio, Node.js and Rust",
        measure: runtimes::runtimes,
    },
    Row {
        name: "flood-latency",
        about: "time until the last of the other four nodes has an update, compared with a bare relay",
        measure: flood_latency::default_graph,
    },
    Row {
        name: "one-hop",
        about: "the same on a full mesh, compared with Redis publish/subscribe and NATS",
        measure: flood_latency::mesh,
    },
    Row {
        name: "backbone",
        about: "the same on a herd that is cut in two, and joined by NATS servers with three replicas",
        measure: flood_latency::backbone,
    },
    Row {
        name: "regions",
        about: "latency and reports a second in one half of such a herd, and what the servers use",
        measure: regions::regions,
    },
    Row {
        name: "fail-over",
        about: "time until the other region has an update, and answered reports that are lost if the \
                node that answers them is killed, compared with a Redis primary and its replica",
        measure: fail_over::fail_over,
    },
    Row {
        name: "whatsat",
        about: "latency of IAMAT while 64 WHATSATs wait for a slow Places service",
        measure: whatsat::beside_whatsat,
    },
    Row {
        name: "places",
        about: "bytes for each of 1,000,000 places from OpenStreetMap, and times of searches",
        measure: places::osm,
    },
    Row {
        name: "memory",
        about: "resident bytes for each client, compared with Redis",
        measure: memory::bytes,
    },
    Row {
        name: "growth",
        about: "waits for answers while a node grows to 10,000,000 clients, and bytes for each of them",
        measure: memory::growth,
    },
    Row { name: "lines", about: "lines between nodes for each new update", measure: costs::lines },
    Row { name: "idle", about: "processor time of five idle nodes together", measure: costs::idle },
    Row {
        name: "instructions",
        about: "instructions for each report, which are equal in every run",
        measure: instructions::per_report,
    },
    Row {
        name: "durable",
        about: "reports a second at a node with a data folder, by durability",
        measure: journal::durable,
    },
    Row {
        name: "replay",
        about: "time until a node with a journal of 1,000,000 and 10,000,000 clients is ready",
        measure: journal::replay,
    },
    Row {
        name: "tls",
        about: "flood latency and throughput with encrypted links, compared with plain ones",
        measure: tls::links,
    },
    Row { name: "logging", about: "reports a second at one node, by log level", measure: costs::logging },
    Row {
        name: "metrics",
        about: "reports a second at one node that measures them for its admin port, and at one without",
        measure: costs::metrics,
    },
    Row {
        name: "watched",
        about: "reports a second at one node while two readers watch its events",
        measure: costs::watched,
    },
];

/// The programs and settings that all rows share.
#[derive(Clone)]
struct CompareBench {
    generator: Generator,
    herd: PathBuf,
    /// The folder for logs and files of the systems.
    folder: PathBuf,
    rounds: usize,
    /// The time for which a load is sent in each round.
    round: Duration,
    quick: bool,
    progress: fn(&str),
}

/// What precedes the output of cargo.
const BUILDING: &str = "building the node and the load generator with optimizations: this takes 5 to 10 minutes \
                        on two cores, unless they have been built before";

impl CompareBench {
    /// Builds the programs. Meanwhile, `waiting` gets a line every 30 seconds.
    fn prepare(folder: PathBuf, quick: bool, progress: fn(&str), waiting: fn(&str)) -> Result<CompareBench> {
        std::fs::create_dir_all(&folder)?;
        progress(BUILDING);
        let (generator, herd) = build_programs(waiting)?;
        Ok(CompareBench {
            generator,
            herd,
            folder,
            rounds: if quick { 3 } else { 5 },
            round: Duration::from_secs(if quick { 1 } else { 3 }),
            quick,
            progress,
        })
    }

    /// The same settings with at most this number of rounds.
    fn with_rounds(&self, most: usize) -> CompareBench {
        CompareBench { rounds: self.rounds.min(most), ..self.clone() }
    }
}

/// A whole run, as it is written to `results.json`.
#[derive(Debug, Serialize)]
struct ComparisonRun {
    machine: MachineInfo,
    quick: bool,
    rounds: usize,
    round_seconds: f64,
    figures: Vec<Figure>,
    /// The load average before each row. It shows whether other programs ran on the machine.
    load_averages: Vec<(&'static str, f64)>,
}

impl ComparisonRun {
    fn new(bench: &CompareBench) -> ComparisonRun {
        ComparisonRun {
            machine: MachineInfo::collect(),
            quick: bench.quick,
            rounds: bench.rounds,
            round_seconds: bench.round.as_secs_f64(),
            figures: Vec::new(),
            load_averages: Vec::new(),
        }
    }

    /// Adds the load average before a row is measured.
    fn add_load_average(&mut self, row: &'static str) {
        self.load_averages.push((row, load_average()));
    }
}

/// The settings of a comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The names of the rows; empty for all.
    pub rows: Vec<String>,
    /// Whether to measure fewer and shorter rounds.
    pub quick: bool,
    /// Whether to write the figures and their plots to `benches/results`.
    pub keep: bool,
    /// A function that gets a line for each row and each round.
    pub progress: fn(&str),
    /// A function that gets a line every 30 seconds while programs are built.
    pub waiting: fn(&str),
}

/// Returns the names and descriptions of all rows, each on a line.
pub fn list_rows() -> String {
    ROWS.iter().map(|row| format!("{:14} {}\n", row.name, row.about)).collect()
}

/// Measures rows, writes the report to `target/compare`, and returns a summary.
///
/// # Errors
/// A name is not a row's, or this herd cannot be measured. Another system that cannot be measured
/// is not an error: the report has the reason.
pub fn compare_systems(comparison: &Comparison) -> Result<String> {
    let Comparison { rows, quick, keep, progress, waiting } = comparison;
    if let Some(name) = rows.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        let names = ROWS.iter().map(|row| row.name);
        bail!("there is no row `{name}`{}", choices(name, "rows", names, "`cargo xtask compare --list`"));
    }
    let kept = keep.then(|| Kept::of(rows)).transpose()?;
    let folder = target_dir()?.join("compare");
    let bench = CompareBench::prepare(folder.clone(), *quick, *progress, *waiting)?;
    let mut run = ComparisonRun::new(&bench);
    for row in ROWS.iter().filter(|row| rows.is_empty() || rows.iter().any(|name| name == row.name)) {
        progress(&format!("{}: {}", row.name, row.about));
        run.add_load_average(row.name);
        run.figures.extend((row.measure)(&bench)?);
    }
    // The run may have installed some.
    run.machine.programs = versions();
    let mut written = report::write(&run, &folder)?;
    if let Some(kept) = kept {
        written += &report::keep(&run, kept)?;
    }
    Ok(format!("{}\n{written}", summary(&run)))
}

/// Returns the guests with these names that can run here, and the reasons why others cannot.
fn find_guests(bench: &CompareBench, names: &[&str]) -> (Vec<System>, Vec<String>) {
    let mut systems = Vec::new();
    let mut missing = Vec::new();
    for name in names {
        match bundled_guests::find_guest(name, &bench.progress) {
            Ok(guest) => systems.push(System::Guest(guest)),
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    (systems, missing)
}

/// Measures systems in interleaved rounds: each system once, then each again. So other programs on
/// the machine disturb all systems equally. A system that fails is left out of later rounds, and
/// listed in the report.
fn interleave(
    bench: &CompareBench,
    figure: &mut Figure,
    systems: &[System],
    mut measure: impl FnMut(&System) -> Result<(f64, Vec<(f64, f64)>)>,
) -> Result<()> {
    let mut failed: Vec<&'static str> = Vec::new();
    for round in 0..bench.rounds {
        for system in systems {
            let name = system.name();
            if failed.contains(&name) {
                continue;
            }
            match measure(system) {
                Ok((value, distribution)) => {
                    let value_text = quantity(value, figure.unit);
                    let (title, round, rounds) = (&figure.title, round + 1, bench.rounds);
                    (bench.progress)(&format!("  {title}, round {round} of {rounds}: {name} {value_text}"));
                    figure.add(name, value, distribution);
                }
                Err(error) if matches!(system, System::Herd(..)) => return Err(error),
                Err(error) => {
                    (bench.progress)(&format!("  {}: {error:#}", figure.title));
                    figure.missing.push(format!("{name}: {error:#}"));
                    failed.push(name);
                }
            }
        }
    }
    Ok(())
}

/// This herd with plain links, like the other systems. The row `tls` measures the cost of TLS.
const HERD: System = System::Herd("herd", &[INSECURE_LINKS]);
