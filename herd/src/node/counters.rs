//! What clients and neighbours have said.

use serde::Serialize;

use crate::message::Verb;

/// Updates passed on and heard since the node started, on all links together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounters {
    /// AT lines written to neighbours.
    pub said: u64,
    /// AT lines from neighbours that were news.
    pub fresh: u64,
    /// AT lines from neighbours that were not.
    pub stale: u64,
    /// AT lines from neighbours whose fields this node does not accept.
    pub unacceptable: u64,
}

/// Lines of clients since the node started, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientCounters {
    /// IAMATs that were the latest of their clients.
    pub reports_fresh: u64,
    /// IAMATs that were not.
    pub reports_stale: u64,
    /// IAMATs that a limit of this node forbids.
    pub reports_refused: u64,
    /// IAMATs with wrong operands.
    pub reports_invalid: u64,
    /// WHATSATs about a client that is known.
    pub questions: u64,
    /// WHATSATs about a client that is not.
    pub questions_unknown: u64,
    /// WHATSATs with wrong operands.
    pub questions_invalid: u64,
    /// Lines that begin with neither.
    pub invalid: u64,
}

impl ClientCounters {
    /// Counts a line that is not a command.
    pub(super) fn note_invalid(&mut self, line: &[u8]) {
        match Verb::of(line) {
            Verb::Iamat => self.reports_invalid += 1,
            Verb::Whatsat => self.questions_invalid += 1,
            Verb::Other => self.invalid += 1,
        }
    }
}
