//! A journal written anew: what the node knows, and nothing of what it knew before.

use std::io;

use super::disk::Log;
use super::line::{FORMAT, Line};
use super::{Size, write_cursors};
use crate::bug::{Bug, is_planted};
use crate::node::{Cursor, Node};

/// A draft of the next journal. It is [collected](Self::collect) in pieces, between which the node goes on: what
/// changes meanwhile is collected again, under its later sequence.
#[derive(Debug)]
pub struct Snapshot<L> {
    pub(super) log: L,
    pub(super) size: Size,
    /// The last sequence collected.
    collected: u64,
    piece: Vec<u8>,
}

/// About so many bytes are collected at a time, with the node kept waiting for about a millisecond.
const PIECE: usize = 256 * 1024;

impl<L: Log> Snapshot<L> {
    pub(super) fn begin(log: L, node: &Node, boot: &str) -> io::Result<Self> {
        let mut snapshot = Snapshot { log, size: Size::default(), collected: 0, piece: Vec::new() };
        Line::Journal { format: FORMAT, node: node.name() }.write(&mut snapshot.piece);
        Line::Boot(boot).write(&mut snapshot.piece);
        snapshot.append()?;
        Ok(snapshot)
    }

    /// Collects a piece of what the node knows, to be [appended](Self::append). Returns whether that was a full one,
    /// and there may be more.
    pub fn collect(&mut self, node: &Node) -> bool {
        for (sequence, record) in node.table().changes_after(self.collected) {
            let before = self.piece.len();
            Line::Update { sequence, at: record.line() }.write(&mut self.piece);
            self.size.note_update(self.piece.len() - before);
            self.collected = sequence;
            if self.piece.len() >= PIECE {
                return true;
            }
        }
        false
    }

    /// Appends what has been collected.
    ///
    /// # Errors
    /// The disk fails, and the snapshot is of no use any more.
    pub fn append(&mut self) -> io::Result<()> {
        self.log.append(&self.piece)?;
        self.size.bytes += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }

    /// Waits until what has been appended is on disk, so that less is left to wait for at the end.
    ///
    /// # Errors
    /// The disk fails, and the snapshot is of no use any more.
    pub fn sync(&mut self) -> io::Result<()> {
        self.log.sync()
    }

    /// Collects and appends the rest; then the cursors, after all that they cover, and the epoch, which may have
    /// changed meanwhile.
    pub(super) fn finish(&mut self, node: &Node) -> io::Result<Vec<Cursor>> {
        while !is_planted(Bug::CompactionLosesCursor) && self.collect(node) {
            self.append()?;
        }
        let mut cursors = Vec::new();
        write_cursors(node, &mut cursors, &mut self.piece);
        Line::Epoch(node.epoch()).write(&mut self.piece);
        self.append()?;
        self.log.sync()?;
        Ok(cursors)
    }
}
