//! The end of a journal: what it contains so far, and thus what has changed since.

use super::line::Line;
use crate::node::{Cursor, Node};

/// What a file contains, including what has been collected and not been appended yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// The last sequence.
    pub(super) sequence: u64,
    /// The cursors, as [`Node::cursors`] lists them.
    pub(super) cursors: Vec<Cursor>,
    /// The number of lines, which is also the number of the last line.
    pub(super) lines: u64,
    pub(super) size: Size,
}

/// The size of a journal, and how much of it may be obsolete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The length of the file, in bytes.
    pub bytes: u64,
    /// The number of updates in the file.
    pub updates: u64,
    /// The length of these updates, in bytes.
    pub update_bytes: u64,
}

impl Tail {
    /// Appends a line to `out`, and counts it.
    pub(super) fn write(&mut self, line: Line<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        self.lines += 1;
        line.write(self.lines, out);
        let length = out.len() - before;
        self.size.bytes += length as u64;
        if let Line::Update { .. } = line {
            self.size.note_update(length);
        }
    }

    /// Appends what has changed to `out`, until that holds `most` bytes. Returns whether there is
    /// more. Cursors come last, after everything that they cover.
    pub(super) fn collect(&mut self, node: &Node, most: usize, out: &mut Vec<u8>) -> bool {
        let mut line = Vec::new();
        for (sequence, record) in node.table().changes_after(self.sequence) {
            if out.len() >= most {
                return true;
            }
            line.clear();
            record.write_line(&mut line);
            self.write(Line::Update { sequence, at: &line }, out);
            self.sequence = sequence;
        }
        let mut changed = Vec::new();
        self.collect_cursors(node, |neighbour, cursor| changed.push((neighbour, cursor)));
        for (neighbour, cursor) in changed {
            self.write(Line::Cursor { neighbour, cursor }, out);
        }
        false
    }

    /// Collects the cursors that have changed. Their lines must be written after everything that
    /// they cover.
    pub(super) fn collect_cursors<'n>(&mut self, node: &'n Node, mut changed: impl FnMut(&'n str, Cursor)) {
        for (index, (neighbour, cursor)) in node.cursors().enumerate() {
            if self.cursors.get(index).copied().unwrap_or_default() != cursor {
                changed(neighbour, cursor);
            }
            match self.cursors.get_mut(index) {
                Some(known) => *known = cursor,
                None => self.cursors.push(cursor),
            }
        }
    }
}

impl Size {
    pub(super) fn note_update(&mut self, bytes: usize) {
        self.updates += 1;
        self.update_bytes += bytes as u64;
    }

    /// Estimates the length of a number of records in bytes, from the average length of the updates
    /// in the file.
    pub(super) fn live_bytes(&self, records: usize) -> u64 {
        self.update_bytes / self.updates.max(1) * records as u64
    }
}
