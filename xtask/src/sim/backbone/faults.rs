//! The faults of the backbone that a seed draws.

use std::time::Duration;

use fastrand::Rng;

use super::REPLICAS;
use crate::oracle::Keeps;
use crate::sim::plan::Plan;

/// A fault of the backbone, and when it begins and ends.
#[derive(Clone, Debug)]
pub struct BackboneFault {
    /// The beginning.
    pub from: Duration,
    /// The end.
    pub until: Duration,
    /// The kind of the fault.
    pub kind: BackboneFaultKind,
}

/// The kinds of faults of the backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackboneFaultKind {
    /// The servers do not answer. Of the messages that are under way, some are stored and others
    /// are not.
    Down,
    /// The stream is lost, and the servers do not answer until the fault ends. Then a node creates
    /// it again.
    Wipe,
    /// The nodes of a region cannot reach the servers.
    Cut(usize),
    /// Some messages are stored without an acknowledgement, and some acknowledgements are late.
    NoAcks,
    /// Some messages are not stored, and the others out of order.
    Drops,
    /// Messages reach their readers late.
    Late,
    /// A replica, or all of them, lacks what is stored meanwhile, except the last message: nobody
    /// could see that it is missing.
    Lacks(Option<usize>),
    /// All reads end, and begin again at another replica.
    Restarts,
    /// The oldest messages are dropped, this percentage of them, but never the last one.
    Truncate(u8),
    /// A node crashes and stays away, until its neighbours publish what it may have left.
    Away(usize, Keeps),
}

/// The time in which faults begin.
const BUSY: u64 = 3_000;

impl Plan {
    /// Draws the faults of the backbone, if there are several regions. They have their own
    /// generator, so that they change no other part of the plan but its end.
    pub(in crate::sim) fn draw_backbone_faults(&mut self, rng: &mut Rng) {
        // Every tenth run has none.
        if self.regions == 1 || rng.u8(..10) == 0 {
            return;
        }
        for _ in 0..rng.usize(1..=4) {
            let from = Duration::from_millis(rng.u64(..BUSY));
            let (kind, most) = self.draw_backbone_fault(rng);
            let least = if matches!(kind, BackboneFaultKind::Away(..)) { 5_500 } else { 1 };
            let until = from + Duration::from_millis(rng.u64(least..least + most));
            self.end = self.end.max(until);
            self.backbone.push(BackboneFault { from, until, kind });
        }
    }

    /// Draws a kind, and the longest time that it may last beyond the least one, in milliseconds.
    fn draw_backbone_fault(&self, rng: &mut Rng) -> (BackboneFaultKind, u64) {
        let node = rng.usize(..self.nodes);
        let keeps = [Keeps::Disk, Keeps::Synced, Keeps::Nothing][rng.usize(..3)];
        match rng.u8(..16) {
            0 => (BackboneFaultKind::Down, 3_000),
            1 | 2 => (BackboneFaultKind::Wipe, 2_000),
            3 | 4 => (BackboneFaultKind::Cut(rng.usize(..self.regions)), 4_000),
            5 | 6 => (BackboneFaultKind::NoAcks, 3_000),
            7 | 8 => (BackboneFaultKind::Drops, 3_000),
            9 => (BackboneFaultKind::Late, 3_000),
            10 => (BackboneFaultKind::Lacks(Some(rng.usize(..REPLICAS))), 1_500),
            11 => (BackboneFaultKind::Lacks(None), 500),
            12 => (BackboneFaultKind::Restarts, 2),
            13 | 14 => (BackboneFaultKind::Truncate(rng.u8(50..=100)), 2),
            _ => (BackboneFaultKind::Away(node, keeps), 2_500),
        }
    }
}
