//! The durations that a node records. A node without an admin port records none, since nobody could
//! read them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::disk_wait::DiskWaits;
use crate::histogram::{AGES, Distribution, Histogram, QUICK, REQUESTS};
use crate::message::LinkLine;
use crate::node::{ClientCounters, LinkEnd, LinkEvent, NeighbourId, Node, Outcome};

/// What is recorded of clients and links.
#[derive(Debug)]
pub(super) struct Durations {
    is_recording: bool,
    /// By kind of answer: see [`AnswerCounts`].
    answers: [Histogram; 3],
    round_trips: BTreeMap<NeighbourId, Histogram>,
    update_ages: Histogram,
}

/// What is recorded of a node, as its status shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StatusDurations {
    pub(super) answer_iamat: Distribution,
    pub(super) answer_whatsat: Distribution,
    pub(super) answer_invalid: Distribution,
    /// Requests to the places service, whatever their outcome.
    pub(super) places_request: Distribution,
    pub(super) journal_write: Distribution,
    pub(super) journal_sync: Distribution,
    /// Heartbeats of all neighbours.
    pub(super) link_round_trip: Distribution,
    pub(super) update_age: Distribution,
}

impl StatusDurations {
    /// `places` are the durations of requests to the places service, by outcome.
    pub(super) fn of(
        durations: &Durations,
        disk: &DiskWaits,
        places: &BTreeMap<&'static str, Distribution>,
    ) -> StatusDurations {
        let [answer_iamat, answer_whatsat, answer_invalid] = durations.answers();
        StatusDurations {
            answer_iamat,
            answer_whatsat,
            answer_invalid,
            places_request: Distribution::sum(REQUESTS, places.values()),
            journal_write: disk.writes(),
            journal_sync: disk.syncs(),
            link_round_trip: Distribution::sum(
                QUICK,
                &durations.round_trips.values().map(Histogram::distribution).collect::<Vec<_>>(),
            ),
            update_age: durations.update_ages.distribution(),
        }
    }
}

/// The numbers of lines with each kind of answer: those to valid IAMATs, to valid WHATSATs, and to
/// invalid lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AnswerCounts(pub(super) [u64; 3]);

impl AnswerCounts {
    /// The names of the kinds in metrics.
    pub(super) const NAMES: [&str; 3] = ["IAMAT", "WHATSAT", "invalid"];

    pub(super) fn of(lines: ClientCounters) -> AnswerCounts {
        AnswerCounts(lines.by_answer())
    }

    /// The lines that were answered since `before`.
    pub(super) fn since(self, before: AnswerCounts) -> AnswerCounts {
        AnswerCounts(std::array::from_fn(|kind| self.0[kind] - before.0[kind]))
    }

    pub(super) fn add(&mut self, more: AnswerCounts) {
        self.0.iter_mut().zip(more.0).for_each(|(count, more)| *count += more);
    }
}

impl Durations {
    pub(super) fn new(is_recording: bool, node: &Node) -> Durations {
        Durations {
            is_recording,
            answers: std::array::from_fn(|_| Histogram::new(QUICK)),
            round_trips: node.neighbours().map(|(id, _)| (id, Histogram::new(QUICK))).collect(),
            update_ages: Histogram::new(AGES),
        }
    }

    /// Whether anything is recorded. If not, the lines that clients wait for need not be counted.
    pub(super) fn is_recording(&self) -> bool {
        self.is_recording
    }

    /// Records that lines which one read completed could be answered after `took`.
    pub(super) fn note_answers(&self, took: Duration, lines: AnswerCounts) {
        for (histogram, count) in self.answers.iter().zip(lines.0) {
            if count > 0 {
                histogram.record(took, count);
            }
        }
    }

    /// Records what a line from a neighbour shows: a heartbeat the round trip, and an update its
    /// age if it was news to this node.
    pub(super) fn note_line(
        &self,
        node: &Node,
        neighbour: Option<NeighbourId>,
        line: &[u8],
        event: &Result<Option<LinkEvent>, LinkEnd>,
    ) {
        match event {
            _ if !self.is_recording => {}
            Ok(Some(LinkEvent::Update { outcome: Outcome::Fresh, age: Some(age) })) => {
                self.update_ages.record(*age, 1);
            }
            Ok(_) if LinkLine::is_heartbeat(line) => {
                if let Some(neighbour) = neighbour
                    && let Some(took) = node.round_trip(neighbour)
                {
                    self.round_trips[&neighbour].record(took, 1);
                }
            }
            _ => {}
        }
    }

    /// The time to answer, by kind of answer.
    fn answers(&self) -> [Distribution; 3] {
        self.answers.each_ref().map(Histogram::distribution)
    }

    /// The round trips to a neighbour.
    pub(super) fn round_trips(&self, neighbour: NeighbourId) -> Distribution {
        self.round_trips[&neighbour].distribution()
    }
}
