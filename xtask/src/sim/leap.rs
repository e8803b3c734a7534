//! The leap of all wall clocks in some runs: what was reported before it is to be forgotten.

use std::time::Duration;

use fastrand::Rng;
use herd::message::Time;
use herd::node::Limits;

use super::plan::{EPOCH, Plan};
use super::world::SYNC;
use crate::oracle::Leap;

/// The time by which clocks leap, in nanoseconds.
pub(super) const LEAP: u64 = 90_000_000_000;

/// The time after which clients are forgotten: the latest report before a leap at once, and no
/// report after it in the rest of a run.
const MEMORY: Duration = Duration::from_secs(60);

/// The constant that makes the seed of the leap from the seed of the plan.
const LEAPS: u64 = 0x5EED_1EA9;

impl Plan {
    /// Draws the leap of some runs. It has its own generator, so that it changes no other part of
    /// the plan.
    pub(super) fn draw_leap(&mut self) {
        let mut rng = Rng::with_seed(self.seed ^ LEAPS);
        let leap = Duration::from_millis(rng.u64(..self.end.as_millis() as u64));
        self.leap = (rng.u8(..4) == 0).then_some(leap);
    }

    /// The time after which the nodes forget clients.
    pub(super) fn forgets_after(&self) -> Option<Duration> {
        self.leap.map(|_| MEMORY)
    }

    /// The leap as a history has it.
    pub(super) fn leap_of_history(&self) -> Option<Leap> {
        self.leap.map(|at| {
            let between = at + Duration::from_nanos(LEAP / 2);
            let between = Time { seconds: EPOCH + between.as_secs(), nanoseconds: between.subsec_nanos() };
            Leap { at: at.as_micros() as u64, window: between.window() }
        })
    }

    /// The time after a leap of the clocks within which all nodes have forgotten what came before.
    ///
    /// Two heartbeats show that the clocks agree. Then each node hears a heartbeat, forgets, and
    /// says so in its own heartbeats.
    pub(super) fn time_to_forget(&self, limits: &Limits) -> Duration {
        let hops = self.graph.diameter(self.largest_region()) as u32;
        let of_leap = |_| limits.heartbeat * 2 + (limits.heartbeat + SYNC) * (hops + 1);
        self.leap.map(of_leap).unwrap_or_default()
    }
}
