//! The wait before a neighbour is dialled again.

use std::time::Duration;

/// Waits that double from `first` to `longest`. Each is shortened by a random part of up to a
/// quarter, so that nodes that lost the same neighbour do not dial in step.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, next: first }
    }

    pub(super) fn next(&mut self, random: u64) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait - wait.mul_f64(0.25 * (random as f64 / u64::MAX as f64))
    }

    /// Makes the next wait the longest one.
    pub(super) fn exhaust(&mut self) {
        self.next = self.longest;
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}
