//! Counters of what clients and neighbours sent.

use serde::Serialize;
use strum::{EnumCount, VariantArray};

use crate::message::{Refusal, Verb};

/// Counters of updates on the links with one neighbour, or with all neighbours together, since the
/// node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounters {
    /// Updates written to neighbours.
    pub said: u64,
    /// Bytes written to neighbours once their links were complete, of all lines.
    pub said_bytes: u64,
    /// Bytes of those lines that say which updates are left out, announce them, or ask for them.
    pub announcement_bytes: u64,
    /// Updates from neighbours that won over the node's record.
    pub fresh: u64,
    /// Updates from neighbours that did not.
    pub stale: u64,
    /// Updates from neighbours whose fields this node does not accept.
    pub unacceptable: u64,
    /// Requests to neighbours for updates that this node lacked, with an answer that had some.
    pub repairs: u64,
}

impl LinkCounters {
    /// Returns the number of updates from neighbours, whatever became of them.
    pub fn received(self) -> u64 {
        self.fresh + self.stale + self.unacceptable
    }

    /// Adds other counters to these.
    pub(super) fn add(&mut self, other: LinkCounters) {
        self.said += other.said;
        self.said_bytes += other.said_bytes;
        self.announcement_bytes += other.announcement_bytes;
        self.fresh += other.fresh;
        self.stale += other.stale;
        self.unacceptable += other.unacceptable;
        self.repairs += other.repairs;
    }
}

/// Counters of clients' lines that were answered with `?`, by reason, since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusalCounters([u64; Refusal::COUNT]);

impl RefusalCounters {
    /// Returns the name of each reason with its counter.
    pub fn by_reason(self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::VARIANTS.iter().map(|refusal| refusal.name()).zip(self.0)
    }

    /// Counts a line.
    pub(super) fn note(&mut self, refusal: Refusal) {
        self.0[refusal as usize] += 1;
    }
}

/// Counters of clients' lines since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientCounters {
    /// IAMATs that won over the node's record.
    pub reports_fresh: u64,
    /// IAMATs that did not.
    pub reports_stale: u64,
    /// IAMATs that a limit of this node refused.
    pub reports_refused: u64,
    /// IAMATs with wrong operands.
    pub reports_invalid: u64,
    /// WHATSATs about a client that the node has a record of.
    pub questions: u64,
    /// WHATSATs about a client that it has no record of.
    pub questions_unknown: u64,
    /// WHATSATs with wrong operands.
    pub questions_invalid: u64,
    /// Lines that begin with neither IAMAT nor WHATSAT.
    pub invalid: u64,
}

impl ClientCounters {
    /// Returns each counter behind the verb and the outcome that it counts. The verb is `other` for
    /// lines without a verb of the protocol.
    pub fn by_verb_and_outcome(self) -> [(&'static str, &'static str, u64); 8] {
        [
            ("IAMAT", "fresh", self.reports_fresh),
            ("IAMAT", "stale", self.reports_stale),
            ("IAMAT", "refused", self.reports_refused),
            ("IAMAT", "invalid", self.reports_invalid),
            ("WHATSAT", "answered", self.questions),
            ("WHATSAT", "unknown", self.questions_unknown),
            ("WHATSAT", "invalid", self.questions_invalid),
            ("other", "invalid", self.invalid),
        ]
    }

    /// Returns the numbers of valid IAMATs, valid WHATSATs and invalid lines. A valid command can
    /// be refused, or be about an unknown client.
    pub fn by_answer(self) -> [u64; 3] {
        [
            self.reports_fresh + self.reports_stale + self.reports_refused,
            self.questions + self.questions_unknown,
            self.reports_invalid + self.questions_invalid + self.invalid,
        ]
    }

    /// Counts a line that is not a valid command.
    pub(super) fn note_invalid(&mut self, line: &[u8]) {
        match Verb::of(line) {
            Verb::Iamat => self.reports_invalid += 1,
            Verb::Whatsat => self.questions_invalid += 1,
            Verb::Other => self.invalid += 1,
        }
    }
}
