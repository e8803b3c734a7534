//! Sends the updates of some windows, for a neighbour that lacks something in them.

use crate::message::{LinkLine, Update, list_windows};
use crate::node::Node;
use crate::node::table::{Record, Source};

use super::bulk_sync::PIECE;

/// The updates to be sent.
#[derive(Debug)]
pub(super) struct Resender {
    /// The windows, with the sums that they had at the beginning.
    windows: Vec<(u64, u64)>,
    /// The sequence up to which the log has been read for this, and the one at which that ends.
    read: u64,
    upto: u64,
}

impl Resender {
    /// Begins to send what is after `sequence` and not after `upto`. A window that has changed
    /// later is left out of the answer: the neighbour asks for it again.
    pub(super) fn begin(
        node: &Node,
        sequence: u64,
        upto: u64,
        windows: impl Iterator<Item = u64>,
    ) -> Resender {
        let sums = node.table.windows();
        let is_forgotten = |number| sums.sum(number, u64::MAX).is_none();
        let with_sum = |number| {
            // Without a sum, there is nothing to compare; the updates are sent all the same.
            let sum = sums.sum(number, upto).or_else(|| is_forgotten(number).then_some(0));
            sum.map(|sum| (number, sum))
        };
        Resender { windows: windows.filter_map(with_sum).collect(), read: sequence, upto }
    }

    /// Appends updates, except those of the source `theirs`, and the answer at the end. Returns the
    /// number of updates written, and whether it is done.
    pub(super) fn write_updates(
        &mut self,
        node: &Node,
        theirs: Source,
        full: usize,
        out: &mut Vec<u8>,
    ) -> (u64, bool) {
        let mut said = 0;
        let mut changes = node.changes_to_say(self.read).take_while(|(sequence, _)| *sequence <= self.upto);
        for (sequence, record) in changes.by_ref().take(PIECE) {
            if record.source() != theirs && self.concerns(record) {
                record.write_line(out);
                out.push(b'\n');
                said += 1;
            }
            self.read = sequence;
            if out.len() >= full {
                break;
            }
        }
        let is_done = changes.next().is_none();
        if is_done {
            LinkLine::Gave { windows: &list_windows(self.windows.iter().copied()) }.write(out);
        }
        (said, is_done)
    }

    fn concerns(&self, record: Record<'_>) -> bool {
        let line = record.line();
        let report = Update::parse(&line).and_then(|update| update.report);
        report.is_some_and(|at| {
            let window = at.skew.window(at.iamat.stamp.time());
            self.windows.iter().any(|(number, _)| *number == window)
        })
    }
}
