//! Two processes with one name: their links take each other's place for ever.
//!
//! A restarted process has a new incarnation, and the old one never comes back. So an incarnation
//! that comes back after another one has had the link means that both live.

use std::collections::VecDeque;
use std::time::Duration;

use super::Limits;

/// How many processes of one name are told apart.
const REMEMBERED: usize = 4;

/// The processes that a neighbour's links have come from lately.
#[derive(Debug, Default)]
pub(super) struct Rivals {
    /// Incarnation and address of each, the one with the latest link last.
    seen: VecDeque<(u64, String)>,
    /// When incarnations came back, as many of the latest as it takes to call them rivals.
    returns: VecDeque<Duration>,
    /// When the link last went from one process to another.
    changed: Duration,
    /// When this was last worth a warning.
    warned: Option<Duration>,
}

impl Rivals {
    /// Whether a link from this process may take the place of the one that is up. Rivals take turns
    /// slowly.
    pub(super) fn may_replace(&self, incarnation: u64, now: Duration, limits: &Limits) -> bool {
        let is_same = self.seen.back().is_some_and(|(latest, _)| *latest == incarnation);
        is_same || !self.are_there(now, limits) || now >= self.changed + limits.rival_pause
    }

    /// Notes that a link has been completed with this process.
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

    /// Whether several processes have taken each other's link time and again.
    fn are_there(&self, now: Duration, limits: &Limits) -> bool {
        let earliest = self.returns.front().filter(|_| self.returns.len() == limits.rival_returns);
        earliest.is_some_and(|earliest| now <= *earliest + limits.rival_window)
    }

    /// The addresses of the two latest rivals, if there are some and it is time for a warning.
    pub(super) fn take_warning(&mut self, now: Duration, limits: &Limits) -> Option<[String; 2]> {
        if !self.are_there(now, limits) || !self.take_turn_to_warn(now, limits) {
            return None;
        }
        let mut latest = self.seen.iter().rev().map(|(_, address)| address.clone());
        Some([latest.next()?, latest.next()?])
    }

    /// Whether the last warning was long enough ago; if so, this is the next one.
    pub(super) fn take_turn_to_warn(&mut self, now: Duration, limits: &Limits) -> bool {
        let is_time = self.warned.is_none_or(|warned| now >= warned + limits.rival_warning);
        if is_time {
            self.warned = Some(now);
        }
        is_time
    }
}
