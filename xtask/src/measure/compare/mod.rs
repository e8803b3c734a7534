//! The same load on this herd and on its peers, side by side: rows of figures, their goals, and a report.

mod costs;
mod figure;
mod instructions;
mod latency;
mod plot;
mod report;
pub mod scale;
mod systems;
mod throughput;
mod tls;

use figure::{Figure, Goal};

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::cluster::bundled_guests;
use crate::cluster::proc_usage::load_average;
use crate::cluster::processes::INSECURE_LINKS;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::load::generator::Generator;
use crate::measure::machine::Machine;
use systems::System;

/// A row: its name, what it shows, and how it is measured.
struct Row {
    name: &'static str,
    about: &'static str,
    measure: fn(&Bench) -> Result<Vec<Figure>>,
}

const ROWS: [Row; 12] = [
    Row {
        name: "one-node",
        about: "reports a second at one node alone, beside Redis and an echo",
        measure: throughput::one_node,
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
        name: "flood-latency",
        about: "from the client's send until the last of the other four nodes has it",
        measure: latency::flood,
    },
    Row {
        name: "whatsat",
        about: "IAMAT's latency while 64 WHATSATs wait on a slow service",
        measure: latency::beside_whatsat,
    },
    Row { name: "memory", about: "resident bytes a client", measure: costs::memory },
    Row { name: "lines", about: "lines between nodes per fresh update", measure: costs::lines },
    Row { name: "idle", about: "processor time of five idle nodes together", measure: costs::idle },
    Row {
        name: "instructions",
        about: "instructions for each report, which repeat where seconds do not",
        measure: instructions::per_report,
    },
    Row {
        name: "durable",
        about: "reports a second at a node that keeps them on disk",
        measure: costs::durable,
    },
    Row {
        name: "tls",
        about: "flood latency and throughput with encrypted links, beside plain ones",
        measure: tls::links,
    },
    Row { name: "logging", about: "reports a second by log level", measure: costs::logging },
];

/// What all rows need.
struct Bench {
    generator: Generator,
    herd: PathBuf,
    /// Where logs and files of the systems go.
    folder: PathBuf,
    rounds: usize,
    /// How long a load is sent in each round.
    round: Duration,
    quick: bool,
    progress: fn(&str),
}

impl Bench {
    fn prepare(folder: PathBuf, quick: bool, progress: fn(&str)) -> Result<Bench> {
        std::fs::create_dir_all(&folder)?;
        Ok(Bench {
            generator: Generator::build(Profile::Release)?,
            herd: herd_binary(Profile::Release)?,
            folder,
            rounds: if quick { 3 } else { 5 },
            round: Duration::from_secs(if quick { 1 } else { 3 }),
            quick,
            progress,
        })
    }
}

/// A whole run, as it is kept.
#[derive(Debug, Serialize)]
struct Run {
    machine: Machine,
    quick: bool,
    rounds: usize,
    round_seconds: f64,
    figures: Vec<Figure>,
    /// The load average before each row: what else ran on the machine, and the row before.
    load_averages: Vec<(&'static str, f64)>,
}

impl Run {
    fn begin(bench: &Bench) -> Run {
        Run {
            machine: Machine::look(),
            quick: bench.quick,
            rounds: bench.rounds,
            round_seconds: bench.round.as_secs_f64(),
            figures: Vec::new(),
            load_averages: Vec::new(),
        }
    }

    /// Notes what else runs on the machine before a row is measured.
    fn note_load(&mut self, row: &'static str) {
        self.load_averages.push((row, load_average()));
    }
}

/// What to compare.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The names of the rows; empty for all.
    pub rows: Vec<String>,
    /// Fewer and shorter rounds.
    pub quick: bool,
    /// Keep the figures and their plot in `benches/results`.
    pub keep: bool,
    /// Gets a line for each row and each round.
    pub progress: fn(&str),
}

/// Returns the rows that there are, one a line.
pub fn list_rows() -> String {
    ROWS.iter().map(|row| format!("{:14} {}\n", row.name, row.about)).collect()
}

/// Measures rows, writes the report to `target/compare`, and returns a summary.
///
/// # Errors
/// There is no such row, or this herd itself cannot be measured. A system that cannot be measured is
/// not an error: its row says why.
pub fn compare_systems(comparison: &Comparison) -> Result<String> {
    let Comparison { rows, quick, keep, progress } = comparison;
    if let Some(name) = rows.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        bail!("there is no row {name}: the rows are {}", names.join(", "));
    }
    let folder = target_dir()?.join("compare");
    let bench = Bench::prepare(folder.clone(), *quick, *progress)?;
    let mut run = Run::begin(&bench);
    for row in ROWS.iter().filter(|row| rows.is_empty() || rows.iter().any(|name| name == row.name)) {
        progress(&format!("{}: {}", row.name, row.about));
        run.note_load(row.name);
        run.figures.extend((row.measure)(&bench)?);
    }
    let mut written = report::write(&run, &folder)?;
    if *keep {
        written += &report::keep(&run)?;
    }
    Ok(format!("{}\n{written}", report::table(&run)))
}

/// The peers of `names` that can be run here, and why the others cannot.
fn peers_called(names: &[&str]) -> (Vec<System>, Vec<String>) {
    let (mut systems, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match bundled_guests::find_guest(name) {
            Ok(peer) => systems.push(System::Peer(peer)),
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    (systems, missing)
}

/// Measures systems in interleaved rounds: each once, then each again, so that what else happens on the machine
/// meets all of them. One that fails is left out from then on, and told.
fn interleave(
    bench: &Bench,
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
                    (bench.progress)(&format!("  {} round {}: {name} {value:.4}", figure.title, round + 1));
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

/// This herd with links as its peers have them; the row `tls` tells what encrypted ones cost.
const HERD: System = System::Herd("herd", &[INSECURE_LINKS]);
