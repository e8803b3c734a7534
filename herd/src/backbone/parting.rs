//! What becomes of the records of shards that other nodes hold, pure: they are dropped once the
//! nodes that hold them have read them in the stream.

use std::time::Duration;

use super::holders::{HaveRead, Holders};
use super::publisher::Publisher;
use crate::bug::{Bug, is_planted};
use crate::node::{Node, Selection, Shards};

/// What to do with the records of other shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing, until something has changed.
    Wait,
    /// [Drop](Node::drop_published) those whose changes are after the first sequence and not after
    /// the second one.
    Drop(u64, u64),
}

/// The dropping of records, if a node holds only some shards.
#[derive(Debug)]
pub struct Parting {
    /// The shards that other nodes hold.
    rest: Shards,
    /// The epoch of the stream.
    stream: u64,
    /// All records of other shards are in messages after this sequence of the stream.
    after: u64,
    /// What has been published and may not have been read: the sequence in the change log, and that
    /// in the stream.
    published: Option<(u64, u64)>,
    /// The sequence in the change log up to which records are dropped.
    dropped: u64,
}

impl Parting {
    /// Returns what a node needs that holds `shards`.
    pub fn new(shards: Shards) -> Parting {
        let rest = Shards::all(shards.count()).without(shards);
        Parting { rest, stream: 0, after: 0, published: None, dropped: 0 }
    }

    /// Begins with a publisher of the stream with the epoch `stream`, which has messages up to the
    /// sequence `last`. Lets it publish all records of other shards again.
    pub fn begin(&mut self, node: &Node, publisher: &mut Publisher, stream: u64, last: u64) {
        if self.rest.are_none() {
            return;
        }
        self.stream = stream;
        self.dropped = 0;
        self.publish_again(node, publisher, last);
    }

    fn publish_again(&mut self, node: &Node, publisher: &mut Publisher, after: u64) {
        self.after = after;
        self.published = None;
        // A large table is not read for nothing.
        if node.table().elsewhere() > 0 {
            publisher.publish_again(node, Selection::Left);
        }
    }

    /// Returns what to do at the time `now`, as other nodes have said how far they have read.
    pub fn next(&mut self, node: &Node, publisher: &mut Publisher, holders: &Holders, now: Duration) -> Part {
        let (upto, last) = self.published.unwrap_or((publisher.published(), publisher.last()));
        if upto <= self.dropped || node.table().elsewhere() == 0 {
            return Part::Wait;
        }
        self.published = Some((upto, last));
        if is_planted(Bug::DroppedUnread) {
            return self.drop_upto(upto, last);
        }
        match holders.have_read(self.rest, (self.stream, self.after, last), now) {
            HaveRead::All => self.drop_upto(upto, last),
            HaveRead::NotYet => Part::Wait,
            HaveRead::Skipped(skipped) => {
                self.publish_again(node, publisher, skipped);
                Part::Wait
            }
        }
    }

    fn drop_upto(&mut self, upto: u64, last: u64) -> Part {
        let from = self.dropped;
        (self.dropped, self.after, self.published) = (upto, last, None);
        Part::Drop(from, upto)
    }

    /// Returns the sequence of the stream up to which other nodes must have read to know what this
    /// node has dropped.
    pub fn least(&self) -> u64 {
        self.after
    }
}
