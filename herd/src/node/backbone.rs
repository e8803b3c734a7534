//! What a node does for the backbone, the log of updates that joins several herds: it says which of
//! its updates others cannot know without it, and it applies what other herds have received.

use std::collections::BTreeMap;

use super::link::bucket_sums::bucket_of;
use super::neighbours::Cursor;
use super::region_sums::Buckets;
use super::table::{Outcome, Record, Source};
use super::{Node, PRELOADED, Shards};
use crate::message::{At, Time, Update};

/// The most changes that are looked at under one lock of the node.
const PIECE: usize = 1000;

/// What the names of streams begin with in journals. No node can have such a name.
const PREFIX: &str = "stream:";

/// A stream of the backbone, which this node reads.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its name, without the shards.
    stream: String,
    /// Its name in journals, with the shards of this node.
    name: String,
    /// The shards of this node.
    shards: Shards,
    pub(super) cursor: Cursor,
}

impl Stream {
    fn new(stream: &str, shards: Shards) -> Stream {
        let name = match shards.are_all() {
            true => format!("{PREFIX}{stream}"),
            false => format!("{PREFIX}{stream}:{shards}"),
        };
        Stream { stream: stream.to_owned(), name, shards, cursor: Cursor::default() }
    }

    /// Returns whether a cursor with this name in a journal is one of this stream that was read for
    /// at least the shards of this node. Everything up to it is above it in the journal, even if
    /// the node has held fewer shards since. What was read for other shards says nothing.
    pub(super) fn is_read_by(&self, name: &str) -> bool {
        let Some(name) = name.strip_prefix(PREFIX) else { return false };
        match name.split_once(':') {
            None => name == self.stream,
            Some((stream, shards)) => {
                let read = shards.parse().ok().filter(|_| stream == self.stream);
                read.is_some_and(|read| self.shards.without(read).are_none())
            }
        }
    }

    /// Returns the name in journals, and how far the stream has been read.
    pub(super) fn named_cursor(&self) -> (&str, Cursor) {
        (&self.name, self.cursor)
    }
}

/// Which of a node's updates are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those that the node received from clients or operators itself.
    Own,
    /// Those that another node of the herd received, in this [window](crate::message::At::window)
    /// or later.
    Origin {
        /// The node's name.
        name: String,
        /// The first window.
        since: u64,
    },
    /// All that the node has, whichever node received them: a region may have lost what its nodes
    /// received, too.
    Herd {
        /// The first window of a node's updates, by its name. All updates of the other nodes are
        /// selected.
        since: BTreeMap<String, u64>,
        /// The shards of the clients.
        shards: Shards,
    },
    /// Those of the clients in these buckets, from any node.
    Clients(Buckets),
    /// Those of clients whose shards the node does not hold: it has held them before, or received
    /// them and not published them.
    Left,
}

impl Node {
    /// Makes the node read a stream of the backbone, and keep the clients of these shards. Call it
    /// before a journal is replayed, which may have the cursor.
    pub fn read_stream(&mut self, name: &str, shards: Shards) {
        self.table.hold(shards);
        self.stream = Some(Stream::new(name, shards));
    }

    /// Drops what is published of clients whose shards other nodes hold: the changes after `from`
    /// and not after `upto`, or a piece of them, which takes less than a millisecond. Returns how
    /// far it has got.
    pub fn drop_published(&mut self, from: u64, upto: u64) -> u64 {
        self.table.drop_elsewhere(from, upto)
    }

    /// Returns how far the stream has been read; `None` if the node reads none.
    pub fn stream_cursor(&self) -> Option<Cursor> {
        self.stream.as_ref().map(|stream| stream.cursor)
    }

    /// Sets how far the stream has been read. Everything up to there must have been
    /// [applied](Self::apply_from_backbone).
    pub fn set_stream_cursor(&mut self, cursor: Cursor) {
        if let Some(stream) = &mut self.stream {
            stream.cursor = cursor;
        }
    }

    /// Returns whether the node knows everything in the change log of a node up to `end`, because
    /// it is its own log, or it has heard that of a neighbour so far.
    pub fn has_heard(&self, name: &str, end: Cursor) -> bool {
        let neighbour = || self.neighbour(name).map(|id| self.neighbours[id].cursor);
        let own = Cursor { epoch: self.epoch, sequence: self.table.head() };
        let heard = if name == self.name { Some(own) } else { neighbour() };
        heard.is_some_and(|heard| heard.epoch == end.epoch && heard.sequence >= end.sequence)
    }

    /// Returns what no node of this herd publishes unless this one does: everything but what this
    /// node and its linked neighbours received. A neighbour that has lost that gets it over the
    /// link, and publishes it then.
    pub fn left_to_publish(&self) -> Selection {
        let linked = self.neighbours.iter().filter(|(id, _)| self.neighbours[*id].is_linked());
        let names = linked.map(|(_, name)| name).chain([&*self.name]);
        let since = names.map(|name| (name.to_owned(), u64::MAX)).collect();
        Selection::Herd { since, shards: self.table.shards() }
    }

    /// Applies updates of other herds, at most [`PRELOADED`]. They arrived when the wall clock
    /// showed `clock`. Returns how many were news.
    pub fn apply_from_backbone(&mut self, updates: &[Update<'_>], clock: Time) -> usize {
        debug_assert!(updates.len() <= PRELOADED);
        let shards = self.table.shards();
        let is_held = |update: &&Update<'_>| shards.holds(update.client.as_bytes());
        let (held, elsewhere): (Vec<&Update<'_>>, Vec<_>) = updates.iter().partition(is_held);
        let places: Vec<_> = held.iter().map(|update| self.locate(update.client)).collect();
        self.preload(places.iter());
        let mut fresh = 0;
        for (update, place) in held.into_iter().zip(places) {
            if self.table.apply_update_at(place, update, Source::Backbone) == Outcome::Fresh {
                self.note_news(update.line, Source::Backbone, Some(clock));
                fresh += 1;
            }
        }
        let elsewhere = elsewhere.into_iter().map(|update| self.table.apply_elsewhere(update));
        fresh + elsewhere.filter(|outcome| *outcome == Outcome::Fresh).count()
    }

    /// Appends to `out` the selected updates after `sequence` that links may send, each with its
    /// line end, until `out` holds `most` bytes or enough changes have been looked at. Returns the
    /// sequence up to which it has looked, and the window of the first update written.
    pub fn write_selected(
        &self,
        selection: &Selection,
        sequence: u64,
        most: usize,
        out: &mut Vec<u8>,
    ) -> (u64, Option<u64>) {
        let selected = Selected::of(self, selection);
        let mut first = None;
        let mut looked = sequence;
        let mut changes = self.changes_to_say(sequence).take(PIECE);
        while out.len() < most {
            let Some((at, record)) = changes.next() else {
                // Superseded changes have left the log, so its end may be later than its last one.
                let is_end = self.changes_to_say(looked).next().is_none();
                return (if is_end { looked.max(self.last_to_say()) } else { looked }, first);
            };
            looked = at;
            if selected.has(record) {
                if first.is_none() {
                    first = window_of(record);
                }
                record.write_line(out);
                out.push(b'\n');
            }
        }
        (looked, first)
    }
}

/// A selection, with what takes time to look up.
struct Selected<'a> {
    selection: &'a Selection,
    node: &'a str,
    /// The number of this node as an origin, if a record has it.
    number: Option<u16>,
    /// The shards that this node holds.
    shards: Shards,
}

impl<'a> Selected<'a> {
    fn of(node: &'a Node, selection: &'a Selection) -> Selected<'a> {
        let number = node.table.origin(node.name().as_bytes());
        Selected { selection, node: node.name(), number, shards: node.table.shards() }
    }

    fn has(&self, record: Record<'_>) -> bool {
        let source = record.source();
        match self.selection {
            Selection::Own => match record.origin() {
                Some(origin) => self.number == Some(origin),
                // A removal does not say which node received it, and that node may have lost it. So
                // every node of the herd publishes it.
                None => with_report(record, |report| match report {
                    Some(at) => at.server() == self.node.as_bytes(),
                    None => source != Source::Backbone,
                }),
            },
            Selection::Origin { name, since } => with_report(record, |report| match report {
                Some(at) => at.server() == name.as_bytes() && at.window() >= *since,
                None => source != Source::Backbone,
            }),
            Selection::Herd { since, shards } => {
                let since = |at: At<'_>| since.get(std::str::from_utf8(at.server()).ok()?).copied();
                let is_due = |at: At<'_>| since(at).is_none_or(|since| at.window() >= since);
                shards.holds(record.client()) && with_report(record, |report| report.is_none_or(is_due))
            }
            Selection::Clients(buckets) => {
                self.shards.holds(record.client()) && buckets.contains(&bucket_of(record.client()))
            }
            Selection::Left => !self.shards.holds(record.client()),
        }
    }
}

/// Calls `look` with the report of a record; `None` if the client is removed.
fn with_report<T>(record: Record<'_>, look: impl FnOnce(Option<At<'_>>) -> T) -> T {
    let line = record.at();
    look(line.as_deref().and_then(At::parse))
}

fn window_of(record: Record<'_>) -> Option<u64> {
    with_report(record, |report| report.map(|at| at.window()))
}
