//! Bounds that make no sense together, or at all.

use std::time::Duration;

use super::Limits;

impl Limits {
    /// Returns a message for each pair of bounds that contradict each other.
    pub fn contradictions(&self) -> Vec<String> {
        let line = format!("link_line_bytes must be at least {LONGEST_LINE}, or links end over a long line");
        let checks = [
            (
                self.heartbeat >= self.link_silence,
                "heartbeat must be shorter than link_silence, or every link ends for being silent",
            ),
            (self.link_line_bytes < LONGEST_LINE, &line),
            (self.redial_first > self.redial_longest, "redial_first must not be longer than redial_longest"),
            (
                self.forget_after.is_some_and(|after| after < SHORTEST_MEMORY),
                "forget_after must be at least 1m, or clocks that differ a little would matter",
            ),
        ];
        checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, message)| message.to_owned()).collect()
    }
}

/// The longest line between nodes, in bytes: 256 sums of 16 digits, and the words before them. (An
/// AT line has at most 445 bytes.)
pub(super) const LONGEST_LINE: usize = 4_200;

/// The shortest time after which clients are forgotten.
pub(super) const SHORTEST_MEMORY: Duration = Duration::from_secs(60);
