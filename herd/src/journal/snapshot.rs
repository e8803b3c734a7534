//! Compaction: writing the next journal, which contains the node's records and nothing that was
//! superseded.

use std::io;

use super::disk::Log;
use super::line::{FORMAT, Line};
use super::tail::Tail;
use crate::bug::{Bug, is_planted};
use crate::node::Node;

/// A draft of the next journal. It is [collected](Self::collect) in pieces, and the node works
/// between them. What changes meanwhile is collected again under its later sequence.
#[derive(Debug)]
pub struct Snapshot<L> {
    pub(super) log: L,
    pub(super) tail: Tail,
    piece: Vec<u8>,
}

/// The approximate number of bytes to collect at once. The node waits for about a millisecond then.
const PIECE: usize = 256 * 1024;

impl<L: Log> Snapshot<L> {
    pub(super) fn begin(log: L, name: &str, boot: &str) -> io::Result<Self> {
        let mut snapshot = Snapshot { log, tail: Tail::default(), piece: Vec::new() };
        snapshot.tail.write(Line::Journal { format: FORMAT, node: name }, &mut snapshot.piece);
        snapshot.tail.write(Line::Boot(boot), &mut snapshot.piece);
        snapshot.append()?;
        Ok(snapshot)
    }

    /// Collects a piece of the node's records, to be [appended](Self::append). Returns whether
    /// there is more.
    pub fn collect(&mut self, node: &Node) -> bool {
        self.tail.collect(node, PIECE, &mut self.piece)
    }

    /// Collects what has changed since, and the last lines, unless that is more than one piece.
    /// Returns whether the snapshot is complete when this piece has been appended. From this call
    /// until the snapshot is [installed](super::Journal::install), no client or neighbour may learn
    /// of later changes, because the file lacks them in the same epoch.
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

    /// Appends the piece that was collected.
    ///
    /// # Errors
    /// Fails if the disk does. The snapshot must be dropped then.
    pub fn append(&mut self) -> io::Result<()> {
        self.log.append(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Appends the piece that was collected, and waits until the snapshot is on disk.
    ///
    /// # Errors
    /// Fails as [`append`](Self::append) does.
    pub fn seal(&mut self) -> io::Result<()> {
        self.append()?;
        self.log.sync()
    }

    /// Returns the last sequence that was collected.
    pub fn sequence(&self) -> u64 {
        self.tail.sequence
    }

    /// Returns the file of the snapshot.
    pub fn log(&self) -> &L {
        &self.log
    }
}
