//! `chaos`: break herds on purpose, and check their promises.

mod processes;
mod sim;
mod turmoil;

use anyhow::Result;
use clap::{Args, Subcommand};

use processes::ProcessesArgs;
use sim::SimArgs;
use turmoil::TurmoilArgs;

/// What to break.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ChaosArgs {
    #[command(subcommand)]
    kind: Option<ChaosKind>,

    #[command(flatten)]
    processes: ProcessesArgs,
}

#[derive(Clone, Debug, Subcommand)]
enum ChaosKind {
    /// Break real nodes, their links, disks, files and logs (the default)
    Processes(ProcessesArgs),
    /// Break simulated nodes in virtual time: the core of a node, without processes or sockets
    Sim(SimArgs),
    /// Break simulated nodes in virtual time: all of a node but its process, on a simulated network
    ///
    /// The first run builds the simulator, which takes a minute.
    Turmoil(TurmoilArgs),
}

/// Breaks herds in the way that was chosen.
///
/// # Errors
/// A herd broke a promise. The message has the command that repeats the run.
pub fn break_herds(args: &ChaosArgs) -> Result<()> {
    match &args.kind {
        None => args.processes.break_nodes(),
        Some(ChaosKind::Processes(args)) => args.break_nodes(),
        Some(ChaosKind::Sim(args)) => sim::run_sim_seeds(args),
        Some(ChaosKind::Turmoil(args)) => turmoil::run_turmoil_seeds(args),
    }
}
