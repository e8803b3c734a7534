//! What a node knows and decides: pure state. No socket, no task, no clock, no randomness; the time comes in
//! with each call, seeds come in at the start.
//!
//! One way in: a line from a client, a line from a neighbour and a line of a file all reach the [`Table`]
//! through [`Table::apply`]. And no queue to a neighbour: flooding is reading the table's change log from
//! where that neighbour has heard it, see [`Link`].

mod backoff;
mod buckets;
mod bulk;
mod change_log;
mod clock;
mod counters;
mod limits;
mod link;
mod link_event;
mod neighbours;
mod reader;
mod record;
mod rivals;
mod slab;
mod table;

pub use clock::ClockDifference;
pub use counters::{ClientCounters, LinkCounters};
pub use limits::{Limits, READ_AS_LINES, parse_duration_or_off};
pub use link::Link;
pub use link_event::{LinkEnd, LinkEvent};
pub use neighbours::{Cursor, LinkId, LinkState, NeighbourId, Side};
pub use record::{Record, Source};
pub use table::{Outcome, Table};

use std::time::Duration;

use crate::bug::{Bug, is_planted};
use crate::message::{At, ClientId, Command, Iamat, MOST_REMOVALS, Skew, Time, Update, Whatsat};
use neighbours::{Neighbour, Neighbours};

/// A node's state.
#[derive(Debug)]
pub struct Node {
    name: String,
    limits: Limits,
    table: Table,
    neighbours: Neighbours,
    counters: LinkCounters,
    lines: ClientCounters,
    /// How many ids that are not known yet clients may still report.
    new_ids_left: u32,
    /// Reports refused because their ids were new.
    ids_refused: u64,
    /// The life of the table: sequences of another epoch mean nothing in this one.
    epoch: u64,
    /// The life of the process.
    incarnation: u64,
    /// Changes after this sequence are not yet on disk, where they must be before anybody is told.
    withheld_after: u64,
    /// The one bulk sync that this node is told much in: on which link, and by whom.
    bulk: Option<(LinkId, NeighbourId)>,
}

/// Random numbers that tell one life from another. Zero is not an epoch: it stands for "none yet".
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// The life of the table.
    pub epoch: u64,
    /// The life of the process.
    pub incarnation: u64,
}

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
    /// [`removed_clients`](Limits::removed_clients) have been removed before.
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

/// No log of ours gets so far: at a million updates a second that takes 292,000 years.
const LAST_SEQUENCE: u64 = u64::MAX / 2;

impl Node {
    /// A node that knows nobody's location yet. `neighbours` are the nodes it keeps links with.
    pub fn new(name: &str, neighbours: &[String], limits: Limits, lives: Lives) -> Node {
        Node {
            name: name.to_owned(),
            neighbours: Neighbours::new(neighbours, limits.redial_first, limits.redial_longest),
            limits,
            table: Table::default(),
            counters: LinkCounters::default(),
            lines: ClientCounters::default(),
            new_ids_left: u32::MAX,
            ids_refused: 0,
            epoch: lives.epoch,
            incarnation: lives.incarnation,
            withheld_after: u64::MAX,
            bulk: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The life of its table.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Begins another life of the table: what neighbours have heard of the last one says nothing about this one,
    /// so links end, and everything is said again.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.neighbours.iter_mut().for_each(Neighbour::forget_heard);
    }

    /// Takes an update that it knew before, with the sequence that it had; to be called in the order of sequences, in
    /// the epoch that they belong to. `false` if that is not their order, no log gets so long, or the update does not
    /// win: then nothing has changed.
    pub fn restore(&mut self, update: &Update<'_>, sequence: u64) -> bool {
        let sequence = if is_planted(Bug::RenumberedOnReplay) { self.table.head() + 1 } else { sequence };
        let follows = sequence > self.table.head() && sequence <= LAST_SEQUENCE;
        follows && self.table.apply_as(update, Source::Journal, sequence) == Outcome::Fresh
    }

    /// Takes an update that it knew before, under a new sequence, unless a later one is known.
    pub fn restore_out_of_order(&mut self, update: &Update<'_>) {
        self.table.apply(update, Source::Journal);
    }

    /// Up to where each neighbour has been heard.
    pub fn cursors(&self) -> impl Iterator<Item = (&str, Cursor)> {
        self.neighbours.iter().map(|(id, name)| (name, self.neighbours[id].cursor))
    }

    /// Takes a cursor that it had before. One of somebody who is no neighbour any more is forgotten.
    pub fn restore_cursor(&mut self, neighbour: &str, cursor: Cursor) {
        if let Some(id) = self.neighbours.find(neighbour) {
            self.neighbours[id].cursor = cursor;
        }
    }

    /// Forgets up to where neighbours have been heard: they say everything again.
    pub fn forget_cursors(&mut self) {
        self.neighbours.forget_all();
    }

    /// Says up to which sequence changes are on disk. Later ones are not said on links until they are, too; `u64::MAX`
    /// is for no disk, or one that is not waited for.
    pub fn withhold_after(&mut self, sequence: u64) {
        self.withheld_after = sequence;
    }

    /// The last sequence that links may say.
    pub(crate) fn last_to_say(&self) -> u64 {
        self.withheld_after.min(self.table.head())
    }

    /// The changes after `sequence` that links may say.
    fn changes_to_say(&self, sequence: u64) -> impl Iterator<Item = (u64, &Record)> {
        let last = self.withheld_after;
        self.table.changes_after(sequence).take_while(move |(sequence, _)| *sequence <= last)
    }

    /// What the node knows of its clients.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What has gone over its links.
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// What its clients have said.
    pub fn lines(&self) -> ClientCounters {
        self.lines
    }

    /// Sets how many ids that are not known yet clients may report from now on. At the beginning there is no bound but
    /// [`distinct_clients`](Limits::distinct_clients).
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
                let answer = self.look_around(&whatsat, out);
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
        let outcome = self.table.report(At { line: &out[start..], skew, iamat: *iamat });
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
        self.table.apply(&update, Source::Client);
        Ok(removals + 1)
    }

    fn look_around(&self, whatsat: &Whatsat<'_>, out: &mut Vec<u8>) -> Option<(Answer, u64)> {
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

    /// The neighbour called `name`.
    pub fn neighbour(&self, name: &str) -> Option<NeighbourId> {
        self.neighbours.find(name)
    }

    /// Every neighbour with its name.
    pub fn neighbours(&self) -> impl Iterator<Item = (NeighbourId, &str)> {
        self.neighbours.iter()
    }

    /// How many sequences of the change log that neighbour lacks: those that it has not been sent, or, while its
    /// link is down, those after the last one that it confirmed. `None` if there was no link yet: then this node
    /// cannot know what the neighbour lacks.
    pub fn lag(&self, neighbour: NeighbourId) -> Option<u64> {
        let neighbour = &self.neighbours[neighbour];
        let known = if neighbour.is_linked() { Some(neighbour.told) } else { neighbour.heard };
        known.map(|sequence| self.table.head().saturating_sub(sequence))
    }

    /// Whether there is a link with that neighbour, and whether there ever was one.
    pub fn link_state(&self, neighbour: NeighbourId) -> LinkState {
        self.neighbours[neighbour].link_state()
    }

    /// How often this node and that neighbour have found that they knew different things.
    pub fn divergences(&self, neighbour: NeighbourId) -> u64 {
        self.neighbours[neighbour].divergences
    }

    /// How long it takes that neighbour to hear this node and be heard, as the latest heartbeats tell.
    pub fn round_trip(&self, neighbour: NeighbourId) -> Option<Duration> {
        self.neighbours[neighbour].round_trip
    }

    /// How far that neighbour's wall clock is ahead of this node's, as its latest heartbeat tells.
    pub fn clock_difference(&self, neighbour: NeighbourId) -> Option<ClockDifference> {
        self.neighbours[neighbour].clock
    }

    /// The same, if that is more than [`clock_difference`](Limits::clock_difference).
    pub fn too_large_clock_difference(&self, neighbour: NeighbourId) -> Option<ClockDifference> {
        let neighbour = &self.neighbours[neighbour];
        neighbour.clock.filter(|_| neighbour.clocks_differ)
    }

    /// Whether there is a link with that neighbour; if not, it is to be dialled.
    pub fn is_linked(&self, neighbour: NeighbourId) -> bool {
        self.neighbours[neighbour].is_linked()
    }

    /// Where the links of two processes with that neighbour's name come from, if there are such and it is time to warn
    /// of them.
    pub fn take_rivals(&mut self, neighbour: NeighbourId, now: Duration) -> Option<[String; 2]> {
        self.neighbours[neighbour].rivals.take_warning(now, &self.limits)
    }

    /// Whether it is time to warn that, as that neighbour says, another process has this node's name.
    pub fn take_rivalry(&mut self, neighbour: NeighbourId, now: Duration) -> bool {
        self.neighbours[neighbour].rivals.take_turn_to_warn(now, &self.limits)
    }

    /// How long to wait before that neighbour is dialled again. Each call doubles the wait, until a link has
    /// been in sync. `random` is any number; it jitters the wait.
    pub fn next_dial(&mut self, neighbour: NeighbourId, random: u64) -> Duration {
        self.neighbours[neighbour].backoff.next(random)
    }
}

/// What the answer to an invalid command begins with.
pub const INVALID: &[u8] = b"? ";

/// Appends the answer to an invalid command: a copy of its line.
pub fn write_invalid(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(INVALID);
    out.extend_from_slice(line);
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
