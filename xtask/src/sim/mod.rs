//! A simulator that runs many nodes in one thread and in virtual time. It runs the same core as real
//! nodes (`herd::node`, `herd::message` and `herd::journal`) on simulated machines, disks and
//! connections that can fail. The same seed always gives the same failures.
//!
//! # Running a seed again
//!
//! ```text
//! cargo xtask chaos sim --first SEED --seeds 1 --nodes N --durability WHEN
//! ```
//!
//! A run that violates an invariant prints this command. With `--history FILE` it also writes the
//! history, and `cargo xtask check-history FILE --timeline PAGE` draws it.
//!
//! # Sources of entropy
//!
//! All random numbers come from generators that are seeded with the seed of the run:
//!
//! | generator | seed | draws |
//! |---|---|---|
//! | [`Plan::draw`] | the seed | graph, durability, latency, window, faults, lines of clients |
//! | removals in [`Plan::draw`] | the seed XOR a constant | operators' removals, so that they change nothing else |
//! | `World` | the seed XOR another constant | delays of segments and of the disk, cuts between segments, jitter of dials, clocks, epochs, incarnations, and what a crash leaves on disk |
//! | forks of `World`'s | a number that `World`'s draws | delays of one write, further epochs of one process |
//!
//! There is no other source: no clock but the virtual one, no second thread, and no loop over a map
//! with random order. The hash of a node's table has a fixed seed here (`Lives::hash_seed`). So the
//! same plan always gives the same [trace](SimulatedRun::trace), and a test compares traces.
//!
//! # What is simulated
//!
//! The world takes the place of the server around the core:
//!
//! - Connections are dialled with a backoff, accepted, cut into segments anywhere, delayed, reset
//!   and blackholed. Their windows fill.
//! - Processes stop and continue, crash, and shut down.
//! - Disks are slow, lose bytes that were not synced, are damaged, reject writes, and fail to sync.
//!   Journals are compacted at the same time.
//! - Clients have wrong clocks, and operators remove clients.
//!
//! The [oracle](crate::oracle) checks the history of each run.

mod active_faults;
mod disk;
pub mod plan;
mod process;
mod settle_time;
mod shrink;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use plan::Plan;
pub use shrink::shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::oracle::{History, Verdict, check_history};
use world::World;

/// The result of a run.
#[derive(Clone, Debug)]
pub struct SimulatedRun {
    /// The history, for the oracle.
    pub history: History,
    /// A hash of every event and every byte that arrived. Equal runs have equal traces.
    pub trace: u64,
    /// The time from the last fault until all nodes agreed; `None` if they never did.
    pub settled: Option<Duration>,
    /// The number of writes to links. A write may hold updates, a heartbeat or part of a handshake.
    pub messages: u64,
}

/// Runs a plan.
pub fn run_plan(plan: &Plan) -> SimulatedRun {
    run_watched(plan, |_, _, _| {})
}

/// Runs a plan, and calls `learned` for each update that a node learns, with the virtual time, the
/// node's index and the AT line.
pub fn run_watched(plan: &Plan, mut learned: impl FnMut(Duration, usize, &str)) -> SimulatedRun {
    World::new(plan, &mut learned).run_to_end()
}

/// Runs a plan and checks its history. A panic is a violation, and leaves no run.
pub fn judge(plan: &Plan) -> (Option<SimulatedRun>, Verdict) {
    match catch_unwind(AssertUnwindSafe(|| run_plan(plan))) {
        Ok(run) => {
            let verdict = check_history(&run.history);
            (Some(run), verdict)
        }
        Err(panic) => (None, Verdict::of_panic(&*panic)),
    }
}
