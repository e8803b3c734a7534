//! Compaction: a draft of the next journal, which has what the node knows and nothing that was superseded.

use std::io;

use super::disk::Log;
use super::line::{FORMAT, Line};
use super::tail::Tail;
use crate::bug::{Bug, is_planted};
use crate::node::Node;

/// A draft of the next journal. It is [collected](Self::collect) in pieces, between which the node goes on: what
/// changes meanwhile is collected again, under its later sequence.
#[derive(Debug)]
pub struct Snapshot<L> {
    pub(super) log: L,
    pub(super) tail: Tail,
    piece: Vec<u8>,
}

/// About how many bytes are collected at a time, while the node waits for about a millisecond.
const PIECE: usize = 256 * 1024;

impl<L: Log> Snapshot<L> {
    pub(super) fn begin(log: L, name: &str, boot: &str) -> io::Result<Self> {
        let mut snapshot = Snapshot { log, tail: Tail::default(), piece: Vec::new() };
        snapshot.tail.write(Line::Journal { format: FORMAT, node: name }, &mut snapshot.piece);
        snapshot.tail.write(Line::Boot(boot), &mut snapshot.piece);
        snapshot.append()?;
        Ok(snapshot)
    }

    /// Collects a piece of what the node knows, to be [appended](Self::append). Returns whether there is more.
    pub fn collect(&mut self, node: &Node) -> bool {
        self.tail.collect(node, PIECE, &mut self.piece)
    }

    /// Collects what has changed since, and what goes at the end, unless that is more than a piece. Returns whether the
    /// snapshot is complete once this has been appended. Until it is [installed](super::Journal::install), nobody may
    /// be told what changes after this call: the file will lack it, in the same epoch.
    pub fn finish(&mut self, node: &Node) -> bool {
        if is_planted(Bug::CompactionLosesCursor) {
            self.tail.sequence = node.table().head();
        }
        if self.collect(node) {
            return false;
        }
        // The epoch may have changed since the snapshot was begun.
        self.tail.write(Line::Epoch(node.epoch()), &mut self.piece);
        true
    }

    /// Appends what has been collected.
    ///
    /// # Errors
    /// The disk fails, and the snapshot is useless.
    pub fn append(&mut self) -> io::Result<()> {
        self.log.append(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Appends what has been collected, and waits until all of it is on disk.
    ///
    /// # Errors
    /// As with [`append`](Self::append).
    pub fn seal(&mut self) -> io::Result<()> {
        self.append()?;
        self.log.sync()
    }

    /// The last sequence collected.
    pub fn sequence(&self) -> u64 {
        self.tail.sequence
    }

    /// The file.
    pub fn log(&self) -> &L {
        &self.log
    }
}
