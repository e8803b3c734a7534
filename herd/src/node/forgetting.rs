//! When clients are forgotten that have not reported for long.
//!
//! No node forgets by its clock alone, or nodes would differ. One of them raises the horizon up to
//! which reports are forgotten, heartbeats and the backbone carry it to all others, and the latest
//! horizon counts. Any node may raise it, as all would raise it to the same.

use std::time::Duration;

use super::Node;
use super::neighbours::Cursor;
use crate::bug::{Bug, is_planted};
use crate::message::{Forgotten, Time};

/// The number of steps in which the horizon moves over the time after which clients are forgotten.
const STEPS: u32 = 64;

/// The shortest time that a horizon must be ago: less than the shortest time after which clients
/// are forgotten, even if clocks differ as far as they may. A later horizon is the work of a wrong
/// clock.
const LEAST_AGE: Duration = Duration::from_secs(30);

/// The name of the horizon in journals, which cannot be the name of a node.
const NAME: &str = "forgotten:";

impl Node {
    /// Forgets a piece of what is to be forgotten when the wall clock shows `clock`, which takes
    /// less than a millisecond. Returns whether there is more. Call it a few times a second, and
    /// then until it returns `false`.
    pub fn forget_old(&mut self, clock: Time) -> bool {
        if let Some(horizon) = self.next_horizon(clock)
            && (self.clocks_agree() || is_planted(Bug::ForgottenByOwnClock))
        {
            self.table.forget_up_to(horizon);
        }
        self.table.drop_forgotten()
    }

    /// Returns the horizon that is due: as old as [`forget_after`](super::Limits::forget_after), and
    /// rounded, so that clocks that differ a little give the same one.
    fn next_horizon(&self, clock: Time) -> Option<u64> {
        let after = self.limits.forget_after?;
        let horizon = clock.window().saturating_sub(Time::windows_in(after));
        let step = Time::windows_in(after / STEPS).max(1);
        Some(horizon - horizon % step).filter(|horizon| *horizon > self.table.forgotten())
    }

    /// Returns whether this node's clock can be trusted: it agrees with the clocks of all linked
    /// neighbours, of which there is at least one, unless the node has no neighbours at all.
    fn clocks_agree(&self) -> bool {
        let neighbours = || self.neighbours.iter().map(|(id, _)| &self.neighbours[id]);
        let mut linked = neighbours().filter(|neighbour| neighbour.is_linked()).peekable();
        let has_witness = linked.peek().is_some() || neighbours().next().is_none();
        has_witness && linked.all(|neighbour| neighbour.clock.is_some() && !neighbour.clocks_differ)
    }

    /// Notes that another node has forgotten the reports of a window and all before, when the wall
    /// clock shows `clock`. Does nothing if that can only be the work of a wrong clock.
    pub fn hear_forgotten(&mut self, window: u64, clock: Time) {
        let latest = clock.window().saturating_sub(Time::windows_in(LEAST_AGE));
        if window <= latest && !is_planted(Bug::ForgottenByOwnClock) {
            self.table.forget_up_to(window);
        }
    }

    /// Returns the horizon, as this node tells it to others.
    pub(crate) fn told_horizon(&self) -> u64 {
        if is_planted(Bug::ForgottenByOwnClock) { 0 } else { self.table.forgotten() }
    }

    /// Returns whether the node has forgotten the reports of this window and all before, and no
    /// others, and has dropped all their records. Only then can its records be compared with those
    /// of another node for which this is true.
    pub(crate) fn has_forgotten(&self, window: u64) -> bool {
        !self.table.is_forgetting() && self.told_horizon() == window
    }

    /// Returns what heartbeats say of this.
    pub(super) fn says_forgotten(&self) -> Forgotten {
        let horizon = self.told_horizon();
        if self.table.is_forgetting() { Forgotten::Soon(horizon) } else { Forgotten::UpTo(horizon) }
    }

    /// Returns the horizon as a journal has it, with a name.
    pub(super) fn named_horizon(&self) -> (&'static str, Cursor) {
        (NAME, Cursor { epoch: 0, sequence: self.table.forgotten() })
    }

    /// Restores the horizon from a journal. Returns whether this is its name.
    pub(super) fn restore_horizon(&mut self, name: &str, cursor: Cursor) -> bool {
        let is_horizon = name == NAME;
        if is_horizon {
            self.table.forget_up_to(cursor.sequence);
        }
        is_horizon
    }
}
