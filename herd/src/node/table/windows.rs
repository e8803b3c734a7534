//! Sums of what a node has learned lately, so that two neighbours can compare it without listing
//! it.

use crate::bug::{Bug, is_planted};

/// Sums of the updates of recent [windows](crate::message::At::window).
///
/// A sum counts every update that was ever stored, also one that a later update of its client has
/// replaced: two nodes that learn the same updates, in whatever order, have the same sums. If a
/// node skips an update because it has heard a later one, its sums differ from its neighbours', and
/// they compare that window in detail.
#[derive(Debug)]
pub(in crate::node) struct Windows {
    /// Each window by its number modulo their count, so a new one replaces an old one.
    recent: Vec<Window>,
    forgotten: u64,
}

/// The sum of the updates of one window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: u64,
    /// The sum of 64 bits of each update's digest. That a neighbour lacks an update and yet has the
    /// same sum has a chance of 2^-64; at 1,000 comparisons a second this happens once in 600
    /// million years. Lines can be made so that their digests collide. The nodes' sums of all
    /// records have 128 bits and show such a difference, and then the neighbours send each other
    /// everything.
    sum: u64,
    /// The sequences of its first and last update; 0 if there is none.
    first: u64,
    last: u64,
    /// The sum of a neighbour that has sent everything that it has of the window, although the sums
    /// differ.
    accepted: Option<u64>,
}

/// The number of windows that are kept. They cover 17 seconds of time.
const KEPT: u64 = 256;

impl Windows {
    pub(super) fn new() -> Windows {
        Windows { recent: vec![Window::default(); KEPT as usize], forgotten: 0 }
    }

    /// Counts an update of a window, which has been stored under `sequence`.
    pub(super) fn note(&mut self, number: u64, digest: u128, sequence: u64) {
        let window = &mut self.recent[(number % KEPT) as usize];
        if window.number != number || window.last == 0 {
            self.forgotten = self.forgotten.max(window.last);
            *window = Window { number, first: sequence, ..Window::default() };
        }
        window.sum = window.sum.wrapping_add(digest as u64);
        window.last = sequence;
    }

    /// Forgets everything up to `sequence`.
    pub(super) fn forget_up_to(&mut self, sequence: u64) {
        self.forgotten = self.forgotten.max(sequence);
    }

    /// Returns the last sequence whose window may not be kept. All later ones are.
    pub(in crate::node) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns whether the node knows all that a neighbour does of a window, if the neighbour's sum
    /// is this.
    pub(in crate::node) fn covers(&self, number: u64, sum: u64) -> bool {
        let bits = if is_planted(Bug::SumTooNarrow) { 1 } else { u64::MAX };
        self.find(number)
            .is_some_and(|window| window.sum & bits == sum & bits || window.accepted == Some(sum))
    }

    /// Notes that a neighbour whose sum of a window is this has sent everything that it has of it.
    pub(in crate::node) fn accept(&mut self, number: u64, sum: u64) {
        let window = &mut self.recent[(number % KEPT) as usize];
        if window.number == number && window.last > 0 {
            window.accepted = Some(sum);
        }
    }

    /// Returns the sum of a window whose last change is not after `upto`.
    pub(in crate::node) fn sum(&self, number: u64, upto: u64) -> Option<u64> {
        self.find(number).filter(|window| window.last <= upto).map(|window| window.sum)
    }

    /// Returns the windows whose last change is after `from` and not after `upto`, with their sums.
    pub(in crate::node) fn changed(&self, from: u64, upto: u64) -> impl Iterator<Item = (u64, u64)> {
        let changed = self.recent.iter().filter(move |window| window.last > from && window.last <= upto);
        changed.map(|window| (window.number, window.sum))
    }

    /// Returns the last sequence, up to `upto`, before which nothing is in a window that has
    /// changed after `upto`.
    pub(in crate::node) fn unchanged_up_to(&self, upto: u64) -> u64 {
        let later = self.recent.iter().filter(|window| window.last > upto);
        later.map(|window| window.first - 1).min().map_or(upto, |before| before.min(upto))
    }

    fn find(&self, number: u64) -> Option<&Window> {
        let window = &self.recent[(number % KEPT) as usize];
        (window.number == number && window.last > 0).then_some(window)
    }
}
