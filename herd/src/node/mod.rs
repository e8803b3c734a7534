//! What a node knows and decides: pure state. No socket, no task, no clock, no randomness; the time comes in
//! with each call, seeds come in at the start.
//!
//! One way in: a line from a client, a line from a neighbour and a line of a file all reach the [`Table`]
//! through [`Table::apply_update`]. And no queue to a neighbour: flooding is reading the table's
//! change log from where that neighbour has heard it, see [`Link`].

mod backoff;
mod clients;
mod clock;
mod counters;
mod limits;
mod link;
mod neighbours;
mod rivals;
mod table;

pub use clients::{Answer, INVALID, PlacesQuery, RemovalError, places_answer, write_invalid};
pub use clock::ClockDifference;
pub use counters::{ClientCounters, LinkCounters};
pub use limits::{Limits, READ_AS_LINES, parse_duration_or_off};
pub use link::{Link, LinkEnd, LinkEvent};
pub use neighbours::{Cursor, LinkId, LinkState, NeighbourId, Side};
pub use table::{Outcome, Record, Source, Table};

use std::time::Duration;

use crate::bug::{Bug, is_planted};
use crate::message::Update;
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

/// The random numbers of a node, which tell one life from another. Zero is not an epoch: it stands
/// for "none yet".
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// The life of the table.
    pub epoch: u64,
    /// The life of the process.
    pub incarnation: u64,
    /// The key of the table's hashes, which keeps clients from choosing ids that collide. Nothing else
    /// depends on it.
    pub hash_seed: u64,
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
            table: Table::new(lives.hash_seed),
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
        follows && self.table.apply_update_as(update, Source::Journal, sequence) == Outcome::Fresh
    }

    /// Takes an update that it knew before, under a new sequence, unless a later one is known.
    pub fn restore_out_of_order(&mut self, update: &Update<'_>) {
        self.table.apply_update(update, Source::Journal);
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

#[cfg(test)]
mod tests;
