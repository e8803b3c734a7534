//! Runs one seed on a simulated network. `cargo xtask chaos turmoil` builds this program, runs it
//! once for each seed, and reads the report that it prints as JSON.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use xtask::cluster::graphs::Graph;
use xtask::oracle::Persistence;
use xtask::sim::FixedParts;
use xtask::turmoil::OneSeed;

/// Run one seed.
#[derive(Debug, Parser)]
struct Args {
    /// The seed. Everything that the other options leave open is drawn from it.
    #[arg(long)]
    seed: u64,

    /// The number of nodes.
    #[arg(long)]
    nodes: usize,

    /// The graph of the herd.
    #[arg(long)]
    graph: Option<Graph>,

    /// The smallest latency of a segment, in milliseconds.
    #[arg(long)]
    latency: Option<u64>,

    /// Whether and when records are on disk.
    #[arg(long)]
    durability: Option<Persistence>,

    /// The command that runs this seed again.
    #[arg(long)]
    again: String,

    /// The folder for the nodes' data, and for the history of a run that fails.
    #[arg(long)]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run_seed(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, the exit code still says that the run failed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_seed(args: Args) -> Result<()> {
    let Args { seed, nodes, graph, latency, durability, again, folder } = args;
    let fixed = FixedParts {
        graph,
        latency: latency.map(Duration::from_millis),
        durability,
        ..FixedParts::default()
    };
    let report = OneSeed { seed, nodes, fixed, command: again, folder }.run_seed()?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?).context("cannot write the report")
}
