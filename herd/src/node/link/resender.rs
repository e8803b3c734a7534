//! Sends the updates of some windows, for a neighbour that lacks something in them.

use super::selection::Selection;
use crate::message::{LinkLine, OriginWindow, Update, list_sums};
use crate::node::Node;
use crate::node::table::{Record, Source};

/// The updates to be sent.
#[derive(Debug)]
pub(super) struct Resender {
    windows: Vec<Wanted>,
    selection: Selection,
}

/// A window that the neighbour has asked for.
#[derive(Debug)]
struct Wanted {
    origin: String,
    /// The origin's number, if this node has ever known it.
    origin_number: Option<u16>,
    number: u64,
    /// The sum that the window had at the beginning.
    sum: u64,
}

impl Resender {
    /// Begins to send what is after `sequence` and not after `upto`. A window that has changed
    /// later is left out of the answer: the neighbour asks for it again.
    pub(super) fn begin<'a>(
        node: &Node,
        sequence: u64,
        upto: u64,
        windows: impl Iterator<Item = OriginWindow<'a>>,
    ) -> Resender {
        let wanted = |OriginWindow { origin, number }: OriginWindow<'_>| {
            let origin_number = node.table.origin(origin.as_bytes());
            let sum = |upto| node.table.windows().sum(origin_number?, number, upto);
            // Without a sum, there is nothing to compare; the updates are sent all the same.
            let is_forgotten = sum(u64::MAX).is_none();
            let sum = sum(upto).or_else(|| is_forgotten.then_some(0))?;
            Some(Wanted { origin: origin.to_owned(), origin_number, number, sum })
        };
        let windows = windows.filter_map(wanted).collect();
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
            let sent = windows
                .iter()
                .map(|Wanted { origin, number, sum, .. }| (OriginWindow { origin, number: *number }, *sum));
            LinkLine::Gave { windows: &list_sums(sent) }.write(out);
        }
        (said, is_done)
    }
}

/// Returns whether a record's report is in one of these windows.
fn concerns(record: Record<'_>, windows: &[Wanted]) -> bool {
    let Some(origin) = record.origin() else { return false };
    let mut of_origin = windows.iter().filter(|wanted| wanted.origin_number == Some(origin)).peekable();
    if of_origin.peek().is_none() {
        return false;
    }
    let line = record.line();
    let report = Update::parse(&line).and_then(|update| update.report);
    report.is_some_and(|at| of_origin.any(|wanted| wanted.number == at.window()))
}
