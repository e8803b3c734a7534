//! Counters of requests for places.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Found, PlacesError};
use crate::histogram::{Distribution, Histogram, REQUESTS};

/// Counters of requests to a service since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests sent upstream, including retries.
    pub requests: u64,
    /// Questions that shared the request of an equal question.
    pub joined: u64,
    /// Questions sent upstream.
    pub asked: u64,
    /// The total time of these questions from their turn to their outcome, including retries.
    pub total_latency: Duration,
    /// The time of the slowest question.
    pub longest_latency: Duration,
}

impl Counters {
    pub(super) fn note_latency(&mut self, latency: Duration) {
        self.asked += 1;
        self.total_latency += latency;
        self.longest_latency = self.longest_latency.max(latency);
    }

    /// The mean time of a question sent upstream.
    pub fn mean_latency(&self) -> Duration {
        self.total_latency / u32::try_from(self.asked.max(1)).unwrap_or(u32::MAX)
    }
}

/// Google's statuses, and the outcomes under which they are counted. Any other status is counted as
/// [`OTHER_STATUS`], so that a service cannot make the table grow.
const STATUSES: [(&str, &str); 6] = [
    ("OK", "ok"),
    ("ZERO_RESULTS", "zero_results"),
    ("INVALID_REQUEST", "invalid_request"),
    ("OVER_QUERY_LIMIT", "over_query_limit"),
    ("REQUEST_DENIED", "request_denied"),
    ("UNKNOWN_ERROR", "unknown_error"),
];

const OTHER_STATUS: &str = "other_status";

/// The outcomes and durations of clients' questions since the node started.
#[derive(Debug)]
pub(super) struct Questions {
    outcomes: BTreeMap<&'static str, AtomicU64>,
    durations: Histogram,
}

impl Default for Questions {
    /// All outcomes exist from the start, since a rate needs a first value.
    fn default() -> Questions {
        let outcomes = outcome_names().map(|name| (name, AtomicU64::new(0))).collect();
        Questions { outcomes, durations: Histogram::new(REQUESTS) }
    }
}

impl Questions {
    /// Counts a question and its duration.
    pub(super) fn note_answer(&self, outcome: &Result<Found, PlacesError>, took: Duration) {
        if let Some(count) = self.outcomes.get(outcome_name(outcome)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.durations.record(took, 1);
    }

    /// The number of questions by outcome.
    pub(super) fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        self.outcomes.iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect()
    }

    /// The durations of questions.
    pub(super) fn durations(&self) -> Distribution {
        self.durations.distribution()
    }
}

/// The durations of requests to the service by outcome, since the node started.
#[derive(Debug)]
pub(super) struct Requests(BTreeMap<&'static str, Histogram>);

impl Default for Requests {
    fn default() -> Requests {
        Requests(outcome_names().map(|name| (name, Histogram::new(REQUESTS))).collect())
    }
}

impl Requests {
    /// Begins a request. It counts as one that timed out if it is given up.
    pub(super) fn begin(&self) -> Request<'_> {
        Request { requests: self, began: Instant::now(), outcome: PlacesError::TIMEOUT }
    }

    /// The durations by outcome. Outcomes that no request has had are missing, except `ok`, since
    /// each would add a series for each bucket.
    pub(super) fn durations(&self) -> BTreeMap<&'static str, Distribution> {
        let all = self.0.iter().map(|(name, durations)| (*name, durations.distribution()));
        all.filter(|(name, durations)| *name == "ok" || durations.count() > 0).collect()
    }
}

/// A request to the service, whose duration is recorded when this is dropped.
pub(super) struct Request<'a> {
    requests: &'a Requests,
    began: Instant,
    outcome: &'static str,
}

impl Request<'_> {
    /// Notes the outcome.
    pub(super) fn end(mut self, outcome: &Result<Found, PlacesError>) {
        self.outcome = outcome_name(outcome);
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if let Some(durations) = self.requests.0.get(self.outcome) {
            durations.record(self.began.elapsed(), 1);
        }
    }
}

/// All outcomes.
fn outcome_names() -> impl Iterator<Item = &'static str> {
    let statuses = STATUSES.into_iter().map(|(_, name)| name).chain([OTHER_STATUS]);
    statuses.chain(PlacesError::NAMES)
}

/// The name under which an outcome is counted.
fn outcome_name(outcome: &Result<Found, PlacesError>) -> &'static str {
    outcome.as_ref().map_or_else(PlacesError::name, |found| status_name(&found.status))
}

/// The outcome under which a service's status is counted.
fn status_name(status: &str) -> &'static str {
    STATUSES.into_iter().find(|(known, _)| *known == status).map_or(OTHER_STATUS, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_under_a_name_of_its_own_that_is_there_from_the_start() {
        let questions = Questions::default();
        let all = questions.outcomes();
        assert_eq!(all.len(), STATUSES.len() + 1 + PlacesError::NAMES.len());
        assert!(all.values().all(|count| *count == 0));
        let found = |status: &str| Ok(Found { json: Vec::new(), status: status.to_owned() });
        questions.note_answer(&found("ZERO_RESULTS"), Duration::ZERO);
        questions.note_answer(&found("SURPRISE"), Duration::ZERO);
        questions.note_answer(&Err(PlacesError::Busy), Duration::ZERO);
        for name in ["zero_results", "other_status", "busy"] {
            assert_eq!(questions.outcomes()[name], 1, "{name}");
        }
    }

    #[test]
    fn a_request_is_timed_by_its_outcome_and_one_that_is_given_up_timed_out() {
        let requests = Requests::default();
        let counts = || requests.durations().into_iter().map(|(name, of)| (name, of.count()));
        assert_eq!(counts().collect::<Vec<_>>(), [("ok", 0)]);
        requests.begin().end(&Ok(Found { json: Vec::new(), status: "OK".to_owned() }));
        requests.begin().end(&Err(PlacesError::Dropped));
        drop(requests.begin());
        assert_eq!(counts().collect::<Vec<_>>(), [("connection_lost", 1), ("ok", 1), ("timeout", 1)]);
    }

    #[test]
    fn the_time_of_questions_is_summed_and_the_longest_and_the_mean_are_known() {
        let mut counters = Counters::default();
        assert_eq!(counters.mean_latency(), Duration::ZERO);
        for seconds in [1, 5, 3] {
            counters.note_latency(Duration::from_secs(seconds));
        }
        let (total, longest) = (Duration::from_secs(9), Duration::from_secs(5));
        assert_eq!((counters.asked, counters.total_latency, counters.longest_latency), (3, total, longest));
        assert_eq!(counters.mean_latency(), Duration::from_secs(3));
    }

    #[test]
    fn statuses_are_counted_under_their_own_names() {
        let names = STATUSES.map(|(status, _)| status_name(status));
        assert_eq!(names, STATUSES.map(|(_, name)| name));
        assert_eq!(status_name("OKAY"), OTHER_STATUS);
    }
}
