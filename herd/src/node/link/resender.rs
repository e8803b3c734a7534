//! Sends the updates of some windows, for a neighbour that lacks something in them.

use super::selection::Selection;
use crate::message::{LinkLine, Update, list_windows};
use crate::node::Node;
use crate::node::table::{Record, Source};

/// The updates to be sent.
#[derive(Debug)]
pub(super) struct Resender {
    /// The windows, with the sums that they had at the beginning.
    windows: Vec<(u64, u64)>,
    selection: Selection,
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
        let windows = windows.filter_map(with_sum).collect();
        Resender { windows, selection: Selection { read: sequence, upto } }
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
        let Resender { windows, selection } = self;
        let is_wanted = |record: Record<'_>| concerns(record, windows);
        let (said, is_done) = selection.write_updates(node, theirs, full, out, is_wanted);
        if is_done {
            LinkLine::Gave { windows: &list_windows(windows.iter().copied()) }.write(out);
        }
        (said, is_done)
    }
}

/// Returns whether a record's report is in one of these windows.
fn concerns(record: Record<'_>, windows: &[(u64, u64)]) -> bool {
    let line = record.line();
    let report = Update::parse(&line).and_then(|update| update.report);
    report.is_some_and(|at| windows.iter().any(|(number, _)| *number == at.window()))
}
