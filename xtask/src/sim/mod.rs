//! A simulator that runs many nodes in one thread and in virtual time. It runs the same core as
//! real nodes (`herd::node`, `herd::message` and `herd::journal`) on simulated machines, disks and
//! connections that can fail. The same seed always gives the same failures.
//!
//! # Running a seed again
//!
//! ```text
//! cargo xtask chaos sim --first SEED --seeds 1 --nodes N --regions N --durability WHEN
//! ```
//!
//! A run that violates an invariant prints this command, and writes its history and a timeline.
//! With `--history FILE`, the command writes the history of any seed, and `cargo xtask
//! check-history FILE --timeline PAGE` draws it.
//!
//! # Sources of entropy
//!
//! All random numbers come from generators that are seeded with the seed of the run:
//!
//! - [`Plan::draw`] draws the graph, the durability, the latency, the window, the faults and the
//!   clients' lines. Its generator has the seed itself.
//! - Operators' removals have their own generator, whose seed is the seed XOR a constant. So they
//!   change no other part of the plan.
//! - The faults of the backbone have one, too, with the seed XOR a third constant.
//! - `World` draws the delays of segments and of the disk, the cuts between segments, the jitter of
//!   dials, the clocks, the epochs, the incarnations, and what a crash leaves on disk. Its
//!   generator has the seed XOR another constant. Forks of this generator draw the delays of a
//!   single write, and further epochs of a process.
//! - What happens on the backbone while it runs has a generator with the seed XOR a fourth
//!   constant: the delays, losses and order of its messages, the replicas that nodes read, and the
//!   epochs of the stream.
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
//! - With several regions, the log of a stream joins their herds. Messages are doubled, lost, late
//!   and out of order, replicas lack some, old ones are dropped, and the stream is lost as a whole.
//!
//! The [oracle](crate::oracle) checks the history of each run.

mod active_faults;
pub mod backbone;
mod disk;
mod fixed_parts;
mod leap;
pub mod plan;
mod process;
mod settle_time;
mod shrink;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use fixed_parts::FixedParts;
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
