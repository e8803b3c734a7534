//! What a node does for its clients: takes reports, answers questions, removes clients.

use super::Node;
use super::table::{Outcome, Source};
use crate::message::{At, ClientId, Command, Iamat, MOST_REMOVALS, Skew, Time, Update, Whatsat};

/// What answering a client's line takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing more: the answer has been written, line end and all.
    Written,
    /// The Places service is to be asked. The answer is [`places_answer`] of both.
    Places {
        /// The client's AT line, as known when the question was reached.
        at: Box<[u8]>,
        /// The question.
        query: PlacesQuery,
    },
}

/// A question for the Places service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlacesQuery {
    /// `latitude,longitude` in decimal degrees, without plus signs.
    pub location: String,
    /// The radius in metres.
    pub metres: String,
    /// At most so many results, 1 to 20.
    pub bound: usize,
}

/// Why a client is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemovalError {
    /// The node does not know it.
    #[error("this node knows no such client")]
    Unknown,
    /// [`removed_clients`](super::Limits::removed_clients) have been removed before.
    #[error("too many clients have been removed: raise removed_clients in [limits] and restart this node")]
    TooMany,
}

/// The answer to a WHATSAT with a bound of 0: nobody needs to be asked for nothing.
const NO_PLACES: &[u8] =
    b"{\n   \"html_attributions\" : [],\n   \"results\" : [],\n   \"status\" : \"OK\"\n}";

/// Appends the answer to a WHATSAT to `out`: the AT line, the JSON, two line ends. `json` ends without one.
pub fn places_answer(out: &mut Vec<u8>, at: &[u8], json: &[u8]) {
    out.reserve(at.len() + json.len() + 3);
    out.extend_from_slice(at);
    out.push(b'\n');
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}

/// What the answer to an invalid command begins with.
pub const INVALID: &[u8] = b"? ";

/// Appends the answer to an invalid command: a copy of its line.
pub fn write_invalid(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(INVALID);
    out.extend_from_slice(line);
    out.push(b'\n');
}

impl Node {
    /// Answers a client's line that was received at `now`: appends the answer to `out`, or says what to ask for. Returns
    /// also the sequence of the record that the answer tells of, and 0 if it tells of none: the answer must wait until
    /// that record cannot be lost any more. That a client is not known tells of its removal, if there is one.
    pub fn answer(&mut self, line: &[u8], now: Time, out: &mut Vec<u8>) -> (Answer, u64) {
        let (answered, client) = match Command::parse(line) {
            Some(Command::Iamat(iamat)) => {
                let sequence = self.take_report(&iamat, now, out);
                self.lines.reports_refused += u64::from(sequence.is_none());
                (sequence.map(|sequence| (Answer::Written, sequence)), Some(iamat.client))
            }
            Some(Command::Whatsat(whatsat)) => {
                let answer = self.answer_whatsat(&whatsat, out);
                let count = if answer.is_some() {
                    &mut self.lines.questions
                } else {
                    &mut self.lines.questions_unknown
                };
                *count += 1;
                (answer, Some(whatsat.client))
            }
            None => {
                self.lines.note_invalid(line);
                (None, None)
            }
        };
        answered.unwrap_or_else(|| {
            write_invalid(out, line);
            (Answer::Written, client.and_then(|client| self.table.removal_of(client)).unwrap_or_default())
        })
    }

    /// Counts a line that is answered as invalid without being looked at further, such as the start of one that is
    /// too long.
    pub fn note_invalid(&mut self, line: &[u8]) {
        self.lines.note_invalid(line);
    }

    /// Takes a report unless one of this node's limits forbids it. Returns the sequence of the client's latest record.
    fn take_report(&mut self, iamat: &Iamat<'_>, now: Time, out: &mut Vec<u8>) -> Option<u64> {
        let too_early = self.limits.max_future_skew.is_some_and(|most| iamat.stamp.time() > now.plus(most));
        if too_early {
            return None;
        }
        let refuses_new = self.is_full() || self.new_ids_left == 0;
        if refuses_new && self.table.get(iamat.client).is_none() {
            self.ids_refused += 1;
            return None;
        }
        let known = self.table.len();
        let skew = Skew::between(now, iamat.stamp.time());
        let start = out.len();
        At::write(out, &self.name, skew, iamat);
        let outcome = self.table.apply_report(At { line: &out[start..], skew, iamat: *iamat });
        self.new_ids_left -= u32::from(self.table.len() > known);
        out.push(b'\n');
        match outcome {
            Outcome::Fresh => {
                self.lines.reports_fresh += 1;
                Some(self.table.head())
            }
            Outcome::Stale => {
                self.lines.reports_stale += 1;
                self.table.get_with_sequence(iamat.client).map(|(sequence, _)| sequence)
            }
        }
    }

    /// Removes what is known of a client, here and, once they hear of it, at all other nodes. Reports that a node takes after it has
    /// heard of that are accepted, whatever their times; all others lose to the removal. Returns how often the client
    /// has been removed now.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn remove(&mut self, client: ClientId<'_>) -> Result<u32, RemovalError> {
        let record = self.table.get(client).ok_or(RemovalError::Unknown)?;
        let removals = record.removals();
        let is_full = !record.was_removed() && self.table.ever_removed() >= self.limits.removed_clients;
        if is_full || removals == MOST_REMOVALS {
            return Err(RemovalError::TooMany);
        }
        let mut line = Vec::new();
        Update::write_removal(&mut line, removals + 1, client);
        let update = Update { line: &line, client, removals: removals + 1, report: None };
        self.table.apply_update(&update, Source::Client);
        Ok(removals + 1)
    }

    fn answer_whatsat(&self, whatsat: &Whatsat<'_>, out: &mut Vec<u8>) -> Option<(Answer, u64)> {
        let (sequence, record) = self.table.get_with_sequence(whatsat.client)?;
        let at = record.at()?;
        if whatsat.bound == 0 {
            places_answer(out, at, NO_PLACES);
            return Some((Answer::Written, sequence));
        }
        let location = At::parse(at)?.iamat.location.comma_separated();
        let query = PlacesQuery { location, metres: whatsat.metres(), bound: whatsat.bound };
        Some((Answer::Places { at: at.into(), query }, sequence))
    }

    /// Sets how many ids that are not known yet clients may report from now on. At the beginning there is no bound but
    /// [`distinct_clients`](super::Limits::distinct_clients).
    pub fn admit_new_ids(&mut self, most: u32) {
        self.new_ids_left = most;
    }

    /// How many of them are left.
    pub fn new_ids_left(&self) -> u32 {
        self.new_ids_left
    }

    /// How many reports of clients have been refused because their ids were new.
    pub fn ids_refused(&self) -> u64 {
        self.ids_refused
    }

    /// Whether no client with a new id is taken because of how many are known.
    pub fn is_full(&self) -> bool {
        self.table.len() >= self.limits.distinct_clients
    }
}
