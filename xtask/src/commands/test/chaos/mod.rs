//! `chaos`: breaks herds on purpose, and says whether they kept their promises.

mod processes;
mod sim;
mod turmoil;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::cluster::graphs::Graph;
use crate::oracle::Durability;
use processes::Processes;

/// What to break.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Simulated herds in virtual time: the core that nodes run, without processes.
    #[arg(long, group = "simulation")]
    sim: bool,

    /// Simulated herds in virtual time: all of a node but its process, on a simulated network. Builds that first.
    #[arg(long, group = "simulation")]
    turmoil: bool,

    /// When what nodes know is on disk [default: everysec; in simulations each seed draws one].
    #[arg(long, value_name = "WHEN")]
    durability: Option<Durability>,

    #[command(flatten)]
    simulated: Simulated,

    #[command(flatten)]
    processes: Processes,
}

/// Of simulations.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "With --sim or --turmoil")]
struct Simulated {
    /// How many seeds, each for a herd of its own [default: 1000; with --turmoil 20].
    #[arg(long, value_name = "N", requires = "simulation")]
    seeds: Option<u64>,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "simulation")]
    first: u64,

    /// How many nodes each herd has.
    #[arg(long, value_name = "N", default_value_t = 5, requires = "simulation", value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// On which graph [default: each seed draws one].
    #[arg(long, value_name = "GRAPH", requires = "turmoil", conflicts_with = "sim")]
    graph: Option<Graph>,

    /// How many milliseconds a message takes, at least [default: each seed draws that].
    #[arg(long, value_name = "MS", requires = "turmoil", conflicts_with = "sim", value_parser = clap::value_parser!(u64).range(1..=1000))]
    latency: Option<u64>,

    /// Write the history of the first seed to a file, for `check-history`.
    #[arg(long, value_name = "FILE", requires = "sim", conflicts_with = "turmoil")]
    history: Option<PathBuf>,
}

/// How often the progress is told.
const TOLD: Duration = Duration::from_millis(500);

/// Breaks what was asked for.
///
/// # Errors
/// A herd broke a promise: the message says how to see it again.
pub fn run(options: &Options) -> Result<()> {
    let Options { durability, simulated, .. } = options;
    if options.sim {
        sim::run(simulated, *durability)
    } else if options.turmoil {
        turmoil::run(simulated, *durability)
    } else {
        options.processes.run(*durability)
    }
}
