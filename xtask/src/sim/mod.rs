//! Many nodes in one thread, in virtual time: the core that real nodes run, on machines, disks and wires that can be
//! broken in any way, and always in the same way.
//!
//! A run is a [`Plan`], drawn from a seed, and what is left to chance while it runs, drawn from the same seed. There is no other
//! entropy: no clock, no thread, no map whose order depends on anything but its keys. (A table's hash is keyed at
//! random, and nothing depends on its order.) So the same plan always leaves the same [trace](Ran::trace).
//!
//! Simulated is what the server around the core does: connections that are dialled with a back-off, accepted, cut
//! anywhere into segments, delayed, reset and swallowed; windows that fill; processes that stop and go on, or end, properly
//! or not; disks that take their time, lose what was not synced, take damage, cannot be written to, or fail to sync and
//! drop what they should have written; journals that are compacted meanwhile; clients whose clocks are wrong; operators
//! who remove clients.
//! The history goes to the [oracle](crate::oracle).

mod disk;
mod network;
pub mod plan;
mod process;
mod settles;
mod shrink;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use plan::Plan;
pub use shrink::shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::oracle::{History, Verdict, check};
use world::World;

/// What happened in a run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// All of it.
    pub history: History,
    /// A hash of every event and every byte: equal for equal runs.
    pub trace: u64,
    /// How long after the last fault all nodes knew the same; `None` if they never did.
    pub settled: Option<Duration>,
    /// How often nodes wrote to a link: an update or many of them, a heartbeat, a word of the handshake.
    pub messages: u64,
}

/// Runs a plan.
pub fn run(plan: &Plan) -> Ran {
    watch(plan, |_, _, _| {})
}

/// Runs a plan, and calls `learned` whenever a node has learned an update: with the time, the node, and the AT line.
pub fn watch(plan: &Plan, mut learned: impl FnMut(Duration, usize, &str)) -> Ran {
    World::new(plan, &mut learned).run()
}

/// Runs a plan and checks what happened. A panic is a violation like others.
pub fn judge(plan: &Plan) -> (Option<Ran>, Verdict) {
    match catch_unwind(AssertUnwindSafe(|| run(plan))) {
        Ok(ran) => {
            let verdict = check(&ran.history);
            (Some(ran), verdict)
        }
        Err(panic) => (None, Verdict::of_panic(&*panic)),
    }
}
