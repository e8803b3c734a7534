//! What became of the questions for places.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Counts since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Questions for the service by outcome, equal ones counted once: a legacy status, or what failed.
    pub outcomes: BTreeMap<String, u64>,
    /// Requests sent upstream, retries among them.
    pub requests: u64,
    /// Questions that shared the request of an equal one.
    pub joined: u64,
    /// Questions that were sent upstream.
    pub asked: u64,
    /// The time of all of these from their turn to their outcome, retries among it.
    pub total_latency: Duration,
    /// The longest of them.
    pub longest_latency: Duration,
}

/// Google's statuses; any other text is counted as one, so that an upstream cannot make the table grow.
const STATUSES: [&str; 6] =
    ["OK", "ZERO_RESULTS", "INVALID_REQUEST", "OVER_QUERY_LIMIT", "REQUEST_DENIED", "UNKNOWN_ERROR"];

impl Counters {
    pub(super) fn note(&mut self, outcome: &str) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    pub(super) fn note_latency(&mut self, latency: Duration) {
        self.asked += 1;
        self.total_latency += latency;
        self.longest_latency = self.longest_latency.max(latency);
    }
}

/// The name that an upstream status is counted under.
pub(super) fn status_name(status: &str) -> &'static str {
    STATUSES.into_iter().find(|known| *known == status).unwrap_or("other status")
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.total_latency / u32::try_from(self.asked.max(1)).unwrap_or(u32::MAX);
        write!(
            f,
            "{} upstream requests, {} joined, latency {mean:.1?} mean {:.1?} longest;",
            self.requests, self.joined, self.longest_latency
        )?;
        for (outcome, count) in &self.outcomes {
            write!(f, " {outcome}: {count}")?;
        }
        Ok(())
    }
}
