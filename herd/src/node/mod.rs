//! The state of a node and its decisions, pure: no socket, task, clock or randomness. The time
//! comes in with each call, and random numbers come in when the node is made.
//!
//! Every update reaches the [`Table`] through [`Table::apply_update`], whether it comes from a
//! client, a neighbour or a journal. There is no queue for a neighbour: flooding means reading the
//! table's change log from the neighbour's cursor, see [`Link`].

mod backbone;
mod backoff;
mod clients;
mod clock;
mod counters;
mod cursors;
mod forgetting;
mod lateness;
mod limits;
mod link;
mod neighbours;
mod origins;
mod region_sums;
mod rivals;
mod samples;
mod shards;
mod table;
#[cfg(feature = "otel")]
mod traced;
mod trees;

pub use backbone::Selection;
pub use clients::{Answer, INVALID, PlacesQuery, Question, RemovalError, places_answer, write_invalid};
pub use clock::ClockDifference;
pub use counters::{ClientCounters, LinkCounters, RefusalCounters};
pub use limits::{Limits, READ_AS_LINES, parse_duration, parse_duration_or_off};
pub use link::{HeardLine, Link, LinkEnd, LinkEvent};
pub use neighbours::{Cursor, LinkId, LinkState, NeighbourId, Side};
pub use region_sums::{Buckets, RegionSums};
pub use samples::Sample;
pub use shards::{MOST_SHARDS, Shards, UnknownShards};
pub use table::{Outcome, Place, RecentLines, Record, Source, Table};

use std::time::Duration;

use crate::bug::{Bug, is_planted};
use crate::message::{ClientId, Refusal, Update};
use backbone::Stream;
use lateness::Lateness;
use neighbours::{Neighbour, Neighbours};
use samples::Samples;
#[cfg(feature = "otel")]
use traced::TracedUpdates;
use trees::Trees;

/// The state of one node.
///
/// # Examples
/// ```
/// use herd::message::Time;
/// use herd::node::{Answer, Limits, Lives, Node};
///
/// let lives = Lives { epoch: 1, incarnation: 2, hash_seed: 3 };
/// let mut node = Node::new("Alford", &[], Limits::default(), lives);
/// let now = Time { seconds: 1_000_000_001, nanoseconds: 0 };
/// let mut out = Vec::new();
/// let line = b"IAMAT kiwi +34.068930-118.445127 1000000000.5";
/// let (answer, sequence) = node.answer(line, now, &mut out);
/// assert_eq!(answer, Answer::Written);
/// assert_eq!(out, b"AT Alford +0.500000000 kiwi +34.068930-118.445127 1000000000.5\n");
/// assert_eq!(sequence, 1);
/// ```
#[derive(Debug)]
pub struct Node {
    name: String,
    limits: Limits,
    table: Table,
    neighbours: Neighbours,
    lines: ClientCounters,
    refusals: RefusalCounters,
    /// How many clients without a record may still report.
    new_ids_left: u32,
    /// Why further ones are refused.
    new_ids_bound: Refusal,
    /// Reports refused because the node had no record of the client.
    ids_refused: u64,
    /// The epoch: sequences of another epoch mean nothing in this one.
    epoch: u64,
    /// One number for each life of the process.
    incarnation: u64,
    /// Changes after this sequence are not on disk yet, so links must not send them.
    withheld_after: u64,
    /// The bulk sync that is being received, if any: its link and its sender.
    bulk: Option<(LinkId, NeighbourId)>,
    /// Which neighbour sends each origin's updates first.
    trees: Trees,
    /// The link that has been asked for what this node lacks, and when. One link is asked at a
    /// time, because all neighbours probably have the same.
    repair: Option<(LinkId, Duration)>,
    /// How late updates are, compared with their announcements.
    lateness: Lateness,
    /// Updates that were news, while somebody watches.
    samples: Samples,
    /// Updates that were news, of the share that is traced.
    #[cfg(feature = "otel")]
    traced: TracedUpdates,
    /// The log of other herds' updates that this node reads, if it reads one.
    stream: Option<Stream>,
}

/// The random numbers of a node. An epoch is never 0, which means "none yet".
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// One number for each life of the table.
    pub epoch: u64,
    /// One number for each life of the process.
    pub incarnation: u64,
    /// The key of the table's hashes, which keeps clients from choosing ids whose hashes collide.
    /// Nothing else depends on it.
    pub hash_seed: u64,
}

/// The last sequence that a journal may contain. A node does not reach it: a million updates a
/// second take 292,000 years.
const LAST_SEQUENCE: u64 = u64::MAX / 2;

/// The largest number of lines whose records are [loaded together](Node::preload), and that are
/// then applied under one lock of the node. Processors cannot overlap more loads than that.
pub const PRELOADED: usize = 64;

impl Node {
    /// Returns a node without records. `neighbours` are the names of the nodes that it keeps links
    /// with.
    pub fn new(name: &str, neighbours: &[String], limits: Limits, lives: Lives) -> Node {
        Node {
            name: name.to_owned(),
            neighbours: Neighbours::new(neighbours, limits.redial_first, limits.redial_longest),
            limits,
            table: Table::new(lives.hash_seed),
            lines: ClientCounters::default(),
            refusals: RefusalCounters::default(),
            new_ids_left: u32::MAX,
            new_ids_bound: Refusal::NewIdRate,
            ids_refused: 0,
            epoch: lives.epoch,
            incarnation: lives.incarnation,
            withheld_after: u64::MAX,
            bulk: None,
            trees: Trees::default(),
            repair: None,
            lateness: Lateness::default(),
            samples: Samples::default(),
            #[cfg(feature = "otel")]
            traced: TracedUpdates::default(),
            stream: None,
        }
    }

    /// Returns the node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the node's bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the current epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the number of this life of the process.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Begins another epoch. What neighbours have heard of the previous one means nothing in it, so
    /// links end, and the next ones send everything again.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.neighbours.iter_mut().for_each(Neighbour::forget_heard);
    }

    /// Applies an update from a journal under the sequence that it had. Its client has been
    /// [located](Self::locate) at `place`. Call it in the order of sequences, in the epoch that
    /// they belong to. Returns `false`, and changes nothing, if the sequence is out of order or
    /// impossibly large, or if the update loses to the node's record.
    pub fn restore(&mut self, place: Place, update: &Update<'_>, sequence: u64) -> bool {
        let sequence = if is_planted(Bug::RenumberedOnReplay) { self.table.head() + 1 } else { sequence };
        let follows = sequence > self.table.head() && sequence <= LAST_SEQUENCE;
        follows && self.table.apply_update_as(place, update, sequence) == Outcome::Fresh
    }

    /// Applies an update from a journal under a new sequence, unless it loses to the node's record.
    pub fn restore_out_of_order(&mut self, update: &Update<'_>) {
        self.table.apply_update(update, Source::Journal);
    }

    /// Sets the last sequence that is on disk. Links do not send later changes. `u64::MAX` means
    /// that there is no disk, or that links do not wait for it.
    pub fn withhold_after(&mut self, sequence: u64) {
        self.withheld_after = sequence;
    }

    /// Returns the last sequence that links may send.
    pub(crate) fn last_to_say(&self) -> u64 {
        self.withheld_after.min(self.table.head())
    }

    /// Returns the changes after `sequence` that links may send.
    fn changes_to_say(&self, sequence: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let last = self.withheld_after;
        self.table.changes_after(sequence).take_while(move |(sequence, _)| *sequence <= last)
    }

    /// Returns where a client's record probably is, for [`answer_command`](Self::answer_command).
    pub fn locate(&self, client: ClientId<'_>) -> Place {
        self.table.locate(client)
    }

    /// Loads the records at these places into the processor's cache. The loads overlap, so this
    /// takes less time than loading each record when it is needed. Nothing changes.
    pub fn preload<'a>(&self, places: impl Iterator<Item = &'a Place>) {
        self.table.preload(places);
    }

    /// Returns the node's records.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Keeps the lines of recent changes, as [`Table::keep_recent`] does.
    pub fn keep_recent(&mut self, most: usize) {
        self.table.keep_recent(most);
    }

    /// Takes the lines of recent changes, as [`Table::take_recent`] does.
    pub fn take_recent(&mut self, sequence: u64, out: &mut RecentLines) -> bool {
        self.table.take_recent(sequence, out)
    }

    /// Returns the counters of updates on all links together.
    pub fn counters(&self) -> LinkCounters {
        let mut sum = LinkCounters::default();
        self.neighbours.iter().for_each(|(id, _)| sum.add(self.counters_of(id)));
        sum
    }

    /// Returns the counters of updates on the links with a neighbour.
    pub fn counters_of(&self, neighbour: NeighbourId) -> LinkCounters {
        self.neighbours[neighbour].counters
    }

    /// Returns the counters of clients' lines.
    pub fn lines(&self) -> ClientCounters {
        self.lines
    }

    /// Returns the counters of clients' lines that were refused.
    pub fn refusals(&self) -> RefusalCounters {
        self.refusals
    }

    /// Returns the neighbour called `name`, if there is one.
    pub fn neighbour(&self, name: &str) -> Option<NeighbourId> {
        self.neighbours.find(name)
    }

    /// Returns every neighbour with its name.
    pub fn neighbours(&self) -> impl Iterator<Item = (NeighbourId, &str)> {
        self.neighbours.iter()
    }

    /// Returns how many sequences of the change log a neighbour lacks: those that have not been
    /// sent to it or, while its link is down, those after the last one that it confirmed. Returns
    /// `None` before the first link, when this node cannot know what the neighbour lacks.
    pub fn lag(&self, neighbour: NeighbourId) -> Option<u64> {
        let neighbour = &self.neighbours[neighbour];
        let known = if neighbour.is_linked() { Some(neighbour.sent) } else { neighbour.heard };
        known.map(|sequence| self.table.head().saturating_sub(sequence))
    }

    /// Returns whether there is a link with a neighbour, and whether there ever was one.
    pub fn link_state(&self, neighbour: NeighbourId) -> LinkState {
        self.neighbours[neighbour].link_state()
    }

    /// Returns how often this node and a neighbour have found that their records differ although
    /// both had heard all of each other.
    pub fn divergences(&self, neighbour: NeighbourId) -> u64 {
        self.neighbours[neighbour].divergences
    }

    /// Returns the latest round trip to a neighbour, measured with heartbeats.
    pub fn round_trip(&self, neighbour: NeighbourId) -> Option<Duration> {
        self.neighbours[neighbour].round_trip
    }

    /// Returns how long an update stays unannounced on a link that leaves it out: twice the round
    /// trip, so that it arrives elsewhere first, within bounds. Shorter ones would cost more
    /// announcements than they save time; longer ones would leave a broken tree unnoticed.
    fn announcement_delay(&self, neighbour: NeighbourId) -> Duration {
        const SHORTEST: Duration = Duration::from_millis(40);
        const LONGEST: Duration = Duration::from_millis(800);
        let round_trip = self.neighbours[neighbour].round_trip;
        round_trip.map_or(LONGEST, |round_trip| (2 * round_trip).clamp(SHORTEST, LONGEST))
    }

    /// Returns how far a neighbour's wall clock is ahead of this node's, by its latest heartbeat.
    pub fn clock_difference(&self, neighbour: NeighbourId) -> Option<ClockDifference> {
        self.neighbours[neighbour].clock
    }

    /// Returns the same if it exceeds [`clock_difference`](Limits::clock_difference), and `None`
    /// otherwise.
    pub fn too_large_clock_difference(&self, neighbour: NeighbourId) -> Option<ClockDifference> {
        let neighbour = &self.neighbours[neighbour];
        neighbour.clock.filter(|_| neighbour.clocks_differ)
    }

    /// Returns whether there is a link with a neighbour. If not, it is to be dialled.
    pub fn is_linked(&self, neighbour: NeighbourId) -> bool {
        self.neighbours[neighbour].is_linked()
    }

    /// Returns the addresses of two processes that share a neighbour's name, if it is time to warn
    /// of them. Calling it counts as the warning.
    pub fn take_rivals(&mut self, neighbour: NeighbourId, now: Duration) -> Option<[String; 2]> {
        self.neighbours[neighbour].rivals.take_warning(now, &self.limits)
    }

    /// Returns whether it is time to warn that, according to a neighbour, another process has this
    /// node's name. Calling it counts as the warning.
    pub fn take_rivalry(&mut self, neighbour: NeighbourId, now: Duration) -> bool {
        self.neighbours[neighbour].rivals.take_turn_to_warn(now, &self.limits)
    }

    /// Returns how long to wait before a neighbour is dialled again. The wait doubles with each
    /// call until a link has been in sync. `random` may be any number; it jitters the wait.
    pub fn next_dial(&mut self, neighbour: NeighbourId, random: u64) -> Duration {
        self.neighbours[neighbour].backoff.next(random)
    }
}

#[cfg(test)]
mod tests;
