//! What a node does for its clients: applies reports, answers questions, and removes clients.

use super::Node;
use super::table::{Outcome, Place, Source};
use crate::message::{At, ClientId, Command, Iamat, MOST_REMOVALS, Refusal, Skew, Time, Update, Whatsat};

/// What remains to be done after a client's line was processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: the answer has been written, with its line end.
    Written,
    /// Nothing: the line has been refused, and the answer that says so has been written.
    Refused(Refusal),
    /// A request to the Places service. [`places_answer`] then writes the answer from `at` and the
    /// service's JSON.
    Places {
        /// The client's AT line when the question was processed, without line end.
        at: Box<[u8]>,
        /// The request.
        query: PlacesQuery,
    },
    /// A question about a client whose shard other nodes hold. Once one of them has said where the
    /// client is, [`Question::ask`] goes on.
    Elsewhere(Question),
}

/// What a WHATSAT asks about a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The client's id.
    pub client: Box<[u8]>,
    /// The radius in metres.
    metres: String,
    /// The largest number of results, 0 to 20.
    bound: usize,
}

impl Question {
    /// Goes on with the client's AT line, given without its line end. Appends the answer to `out`,
    /// or returns what to ask the Places service. Returns `None` if it is not an AT line.
    pub fn ask(self, at: &[u8], out: &mut Vec<u8>) -> Option<Answer> {
        At::parse(at)?;
        ask_about(at, self.bound, || self.metres, out)
    }
}

/// Appends the answer about a client with this AT line to `out`, or returns what to ask the Places
/// service.
fn ask_about(at: &[u8], bound: usize, metres: impl FnOnce() -> String, out: &mut Vec<u8>) -> Option<Answer> {
    if bound == 0 {
        places_answer(out, at, NO_PLACES);
        return Some(Answer::Written);
    }
    let location = At::parse(at)?.iamat.location.comma_separated();
    Some(Answer::Places { at: at.into(), query: PlacesQuery { location, metres: metres(), bound } })
}

/// A request for the Places service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlacesQuery {
    /// `latitude,longitude` in decimal degrees, without plus signs.
    pub location: String,
    /// The radius in metres.
    pub metres: String,
    /// The largest number of results, 1 to 20.
    pub bound: usize,
}

/// Why a client was not removed. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemovalError {
    /// The node has no record of the client, or the client is removed already.
    #[error("this node knows no such client")]
    Unknown,
    /// The node does not hold this shard, which the client is in, and has no record of the client.
    #[error("this node does not hold shard {0}, which the client is in: ask one that `herd shards` shows")]
    Elsewhere(u8),
    /// The node has removed [`removed_clients`](super::Limits::removed_clients) clients, or this
    /// client the largest number of times.
    #[error("too many clients have been removed: raise removed_clients in [limits] and restart this node")]
    TooMany,
}

/// The JSON for a WHATSAT with a bound of 0, for which no service is asked.
const NO_PLACES: &[u8] =
    b"{\n   \"html_attributions\" : [],\n   \"results\" : [],\n   \"status\" : \"OK\"\n}";

/// Appends the answer to a WHATSAT to `out`: the AT line, the JSON, and two line ends. Neither `at`
/// nor `json` ends with one.
pub fn places_answer(out: &mut Vec<u8>, at: &[u8], json: &[u8]) {
    out.reserve(at.len() + json.len() + 3);
    out.extend_from_slice(at);
    out.push(b'\n');
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}

/// The start of the answer to an invalid command.
pub const INVALID: &[u8] = b"? ";

/// Appends the answer to an invalid command: [`INVALID`] and a copy of its line.
pub fn write_invalid(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(INVALID);
    out.extend_from_slice(line);
    out.push(b'\n');
}

impl Node {
    /// Processes a client's line that was received at `now`, given without its line end. Appends
    /// the answer to `out`, or returns what to ask the Places service.
    ///
    /// Also returns the sequence that must be on disk before the client may read the answer: that
    /// of the record that the answer is about, or of the client's removal. It is 0 if the answer
    /// depends on no record.
    pub fn answer(&mut self, line: &[u8], now: Time, out: &mut Vec<u8>) -> (Answer, u64) {
        let command = Command::parse(line);
        let located = command.as_ref().map(|command| (command, self.locate(command.client())));
        let located = located.map_err(|refusal| *refusal);
        self.answer_command(located, line, now, out)
    }

    /// Does the same for a line that has been parsed, and whose client has been
    /// [located](Self::locate); `command` is the reason if the line is not a command.
    pub fn answer_command(
        &mut self,
        command: Result<(&Command<'_>, Place), Refusal>,
        line: &[u8],
        now: Time,
        out: &mut Vec<u8>,
    ) -> (Answer, u64) {
        let (answered, client) = match command {
            Ok((Command::Iamat(iamat), place)) => {
                let taken = self.take_report(iamat, place, now, out);
                self.lines.reports_refused += u64::from(taken.is_err());
                (taken.map(|sequence| (Answer::Written, sequence)), Some(iamat.client))
            }
            Ok((Command::Whatsat(whatsat), _)) => {
                let answer = self.answer_whatsat(whatsat, out).ok_or(Refusal::UnknownClient);
                let count = if answer.is_ok() {
                    &mut self.lines.questions
                } else {
                    &mut self.lines.questions_unknown
                };
                *count += 1;
                (answer, Some(whatsat.client))
            }
            Err(refusal) => {
                self.lines.note_invalid(line);
                (Err(refusal), None)
            }
        };
        answered.unwrap_or_else(|refusal| {
            let removal = client.and_then(|client| self.table.removal_of(client));
            self.note_refusal(refusal);
            write_invalid(out, line);
            (Answer::Refused(refusal), removal.unwrap_or_default())
        })
    }

    /// Counts a line that the caller has refused, after [`Answer::Elsewhere`].
    pub fn note_refusal(&mut self, refusal: Refusal) {
        self.refusals.note(refusal);
    }

    /// Applies a report, and returns the sequence of the client's latest record.
    ///
    /// # Errors
    /// A limit of this node forbids the report.
    fn take_report(
        &mut self,
        iamat: &Iamat<'_>,
        place: Place,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Result<u64, Refusal> {
        if self.limits.max_future_skew.is_some_and(|most| iamat.stamp.time() > now.plus(most)) {
            return Err(Refusal::FutureTime);
        }
        if self.table.forgets(now.window()) {
            return Err(Refusal::ClockBehind);
        }
        if let Some(refusal) = self.refusal_of_new_ids()
            && self.table.get(iamat.client).is_none()
        {
            self.ids_refused += 1;
            return Err(refusal);
        }
        let known = self.table.len();
        let skew = Skew::between(now, iamat.stamp.time());
        let start = out.len();
        At::write(out, &self.name, skew, iamat);
        let outcome = self.table.apply_report(At { line: &out[start..], skew, iamat: *iamat }, place);
        self.new_ids_left -= u32::from(self.table.len() > known);
        let end = out.len();
        out.push(b'\n');
        match outcome {
            Outcome::Fresh => {
                self.lines.reports_fresh += 1;
                self.note_news(&out[start..end], Source::Client, Some(now));
                Ok(self.table.head())
            }
            Outcome::Stale => {
                self.lines.reports_stale += 1;
                let known = self.table.get_with_sequence(iamat.client);
                known.map(|(sequence, _)| sequence).ok_or(Refusal::UnknownClient)
            }
        }
    }

    /// Returns why a client without a record may not report now, if that is so.
    fn refusal_of_new_ids(&self) -> Option<Refusal> {
        if self.is_full() {
            return Some(Refusal::TableFull);
        }
        (self.new_ids_left == 0).then_some(self.new_ids_bound)
    }

    /// Removes a client here and, when they receive the removal, at all other nodes. Reports that
    /// arrive at a node after the removal win over it, whatever their times; all others lose to it.
    /// Returns how often the client has been removed in total.
    ///
    /// # Errors
    /// Fails as [`RemovalError`] lists; nothing has changed then.
    pub fn remove(&mut self, client: ClientId<'_>) -> Result<u32, RemovalError> {
        let shards = self.table.shards();
        let unknown = match shards.holds(client.as_bytes()) {
            true => RemovalError::Unknown,
            false => RemovalError::Elsewhere(shards.of(client.as_bytes())),
        };
        let record = self.table.get(client).ok_or(unknown)?;
        let removals = record.removals();
        let is_full = !record.was_removed() && self.table.ever_removed() >= self.limits.removed_clients;
        if is_full || removals == MOST_REMOVALS {
            return Err(RemovalError::TooMany);
        }
        let mut line = Vec::new();
        Update::write_removal(&mut line, removals + 1, client);
        let update = Update { line: &line, client, removals: removals + 1, report: None };
        self.table.apply_update(&update, Source::Client);
        self.note_news(&line, Source::Client, None);
        Ok(removals + 1)
    }

    fn answer_whatsat(&self, whatsat: &Whatsat<'_>, out: &mut Vec<u8>) -> Option<(Answer, u64)> {
        let (client, bound) = (whatsat.client.as_bytes(), whatsat.bound);
        let Some((sequence, record)) = self.table.get_with_sequence(whatsat.client) else {
            let question = || Question { client: client.into(), metres: whatsat.metres(), bound };
            let is_elsewhere = !self.table.shards().holds(client);
            return is_elsewhere.then(|| (Answer::Elsewhere(question()), 0));
        };
        Some((ask_about(&record.at()?, bound, || whatsat.metres(), out)?, sequence))
    }

    /// Sets how many clients without a record may report from now on. Initially there is no bound
    /// but [`distinct_clients`](super::Limits::distinct_clients). Further ones are refused for the
    /// reason `bound`.
    pub fn admit_new_ids(&mut self, most: u32, bound: Refusal) {
        self.new_ids_left = most;
        self.new_ids_bound = bound;
    }

    /// Returns how many clients without a record may still report.
    pub fn new_ids_left(&self) -> u32 {
        self.new_ids_left
    }

    /// Returns how many reports were refused because the node had no record of the client.
    pub fn ids_refused(&self) -> u64 {
        self.ids_refused
    }

    /// Returns whether the node has records of as many clients as
    /// [`distinct_clients`](super::Limits::distinct_clients), so that it refuses reports of further
    /// ones.
    pub fn is_full(&self) -> bool {
        self.table.len() >= self.limits.distinct_clients
    }
}
