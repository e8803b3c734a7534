//! Sends some updates of a part of the change log.

use super::bulk_sync::PIECE;
use crate::node::Node;
use crate::node::table::{Record, Source};

/// A part of the change log, and how far it has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    /// The sequence up to which it has been read, and the one at which it ends.
    pub(super) read: u64,
    pub(super) upto: u64,
}

impl Selection {
    /// Reads on, and appends the updates that are wanted, except those of the source `theirs`,
    /// until `out` has `full` bytes. Returns the number of updates written, and whether it is done.
    pub(super) fn write_updates(
        &mut self,
        node: &Node,
        theirs: Source,
        full: usize,
        out: &mut Vec<u8>,
        is_wanted: impl Fn(Record<'_>) -> bool,
    ) -> (u64, bool) {
        let mut said = 0;
        let upto = self.upto;
        let mut changes = node.changes_to_say(self.read).take_while(|(sequence, _)| *sequence <= upto);
        for (sequence, record) in changes.by_ref().take(PIECE) {
            if record.source() != theirs && is_wanted(record) {
                record.write_line(out);
                out.push(b'\n');
                said += 1;
            }
            self.read = sequence;
            if out.len() >= full {
                break;
            }
        }
        (said, changes.next().is_none())
    }
}
