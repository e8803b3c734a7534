//! Several processes with one name, whose links keep replacing each other.
//!
//! A restarted process has a new incarnation, and the old one never comes back. So if an earlier
//! incarnation takes the link over again, both processes are running.

use std::collections::VecDeque;
use std::time::Duration;

use super::Limits;

/// The number of processes of one name that are remembered.
const REMEMBERED: usize = 4;

/// The processes that have recently completed a link under a neighbour's name.
#[derive(Debug, Default)]
pub(super) struct Rivals {
    /// The incarnation and address of each. The last one completed the latest link.
    seen: VecDeque<(u64, String)>,
    /// When an earlier incarnation took the link over: the latest
    /// [`rival_returns`](Limits::rival_returns) times.
    returns: VecDeque<Duration>,
    /// When the link last changed to another process.
    changed: Duration,
    /// When the node last warned of these processes.
    warned: Option<Duration>,
}

impl Rivals {
    /// Returns whether a link from this process may replace the current one. Rivals may take over
    /// only once per [`rival_pause`](Limits::rival_pause).
    pub(super) fn may_replace(&self, incarnation: u64, now: Duration, limits: &Limits) -> bool {
        let is_same = self.seen.back().is_some_and(|(latest, _)| *latest == incarnation);
        is_same || !self.are_there(now, limits) || now >= self.changed + limits.rival_pause
    }

    /// Notes that a link with this process has been completed at `now`.
    pub(super) fn note_process(&mut self, incarnation: u64, address: &str, now: Duration, limits: &Limits) {
        let known = self.seen.iter().position(|(seen, _)| *seen == incarnation);
        let is_change = known.is_none_or(|place| place + 1 < self.seen.len());
        if let Some(place) = known {
            self.seen.remove(place);
        }
        self.seen.push_back((incarnation, address.to_owned()));
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
        if is_change {
            self.changed = now;
            if known.is_some() {
                self.returns.push_back(now);
            }
            if self.returns.len() > limits.rival_returns {
                self.returns.pop_front();
            }
        }
    }

    /// Returns whether an earlier incarnation has come back often enough to prove several
    /// processes.
    fn are_there(&self, now: Duration, limits: &Limits) -> bool {
        let earliest = self.returns.front().filter(|_| self.returns.len() == limits.rival_returns);
        earliest.is_some_and(|earliest| now <= *earliest + limits.rival_window)
    }

    /// Returns the addresses of the two latest rivals, if there are rivals and a warning is due.
    pub(super) fn take_warning(&mut self, now: Duration, limits: &Limits) -> Option<[String; 2]> {
        if !self.are_there(now, limits) || !self.take_turn_to_warn(now, limits) {
            return None;
        }
        let mut latest = self.seen.iter().rev().map(|(_, address)| address.clone());
        Some([latest.next()?, latest.next()?])
    }

    /// Returns whether a warning is due; if so, the next one is due after
    /// [`rival_warning`](Limits::rival_warning).
    pub(super) fn take_turn_to_warn(&mut self, now: Duration, limits: &Limits) -> bool {
        let is_time = self.warned.is_none_or(|warned| now >= warned + limits.rival_warning);
        if is_time {
            self.warned = Some(now);
        }
        is_time
    }
}
