//! Reads this node's change log for a neighbour.
//!
//! A reader may skip changes and send later ones first; the skipped range is its gap. Marks stop
//! before the gap, and a bulk sync closes it by sending only what the neighbour lacks. There is a
//! gap at the start of a link if the neighbour may lack many updates, and while another neighbour
//! sends this node a bulk sync, because this neighbour probably has the same updates.

use super::bucket_sums::{Differences, seed};
use super::bulk_sync::{BulkSender, PIECE, Progress};
use crate::bug::{self, Bug, is_planted};
use crate::message::LinkLine;
use crate::node::Node;
use crate::node::neighbours::{LinkId, NeighbourId};
use crate::node::table::Source;

/// The reader of this node's change log for one neighbour.
#[derive(Debug)]
pub(super) struct LogReader {
    neighbour: NeighbourId,
    /// The source of updates that the neighbour sent in its current epoch. They are not sent back.
    theirs: Source,
    link: LinkId,
    read: u64,
    /// If there is a gap: the sequence after which changes up to `read` have not been sent.
    gap: Option<u64>,
    /// The bulk sync that closes the gap.
    bulk: Option<Box<BulkSender>>,
    /// The number of bulk syncs so far.
    bulks: u64,
    /// The last mark written. It is behind `read` if everything read since came from the neighbour
    /// itself; that is not worth a wake-up, so the mark goes with the next heartbeat.
    marked: u64,
    /// Whether the end of the log has been reached once.
    synced: bool,
}

impl LogReader {
    /// Begins to read after the sequence `from`, for a neighbour whose own updates have the source
    /// `theirs`.
    pub(super) fn begin(
        node: &Node,
        neighbour: NeighbourId,
        theirs: Source,
        link: LinkId,
        from: u64,
    ) -> LogReader {
        let mut reader = LogReader {
            neighbour,
            theirs,
            link,
            read: from,
            gap: None,
            bulk: None,
            bulks: 0,
            marked: from,
            synced: false,
        };
        let may_lack_much = node.table.backlog(from) > node.limits.bulk_sync;
        if may_lack_much {
            reader.gap = Some(from);
            reader.read = from.max(node.last_to_say());
        }
        reader
    }

    /// Returns the source of updates from the neighbour.
    pub(super) fn theirs(&self) -> Source {
        self.theirs
    }

    /// Returns the sequence up to which the neighbour has been sent everything.
    pub(super) fn sent_up_to(&self) -> u64 {
        self.gap.unwrap_or(self.read)
    }

    /// Takes the neighbour's answer in a bulk sync. Returns whether one was expected.
    pub(super) fn take_answer(&mut self, group: Option<u8>, differ: Differences) -> bool {
        self.bulk.as_mut().is_some_and(|bulk| bulk.take_answer(group, differ))
    }

    /// Appends changes that the neighbour has not heard, and marks how far that got. Returns the
    /// number of updates written, and whether more work can be done at once.
    pub(super) fn write_changes(
        &mut self,
        node: &Node,
        heartbeat_due: bool,
        out: &mut Vec<u8>,
    ) -> (u64, bool) {
        let batch = node.limits.link_batch_bytes;
        let full = out.len() + batch;
        if is_planted(Bug::MarkBeforeLines) && self.read < node.table.head() {
            LinkLine::UpTo(node.table.head()).write(out);
        }
        self.begin_bulk_sync(node);
        let (news, at_end) = self.write_new_changes(node, full, out);
        // Reserve room, so a steady stream of updates cannot starve the bulk sync.
        let full = out.len() + batch / 2;
        let (missed, bulk) = self.continue_bulk_sync(node, full, out);
        let said = news + missed;
        let newly_synced = at_end && !self.synced && self.gap.is_none();
        let mark = self.sent_up_to();
        let may_mark = self.bulk.is_none() && self.marked < mark && (said > 0 || heartbeat_due);
        if newly_synced || may_mark || bulk == Progress::Done {
            LinkLine::UpTo(mark).write(out);
            self.marked = mark;
        } else if is_planted(Bug::MarkBeforeBulk) && said > 0 {
            LinkLine::UpTo(self.read).write(out);
        }
        if newly_synced {
            LinkLine::Synced.write(out);
            self.synced = true;
        }
        (said, !at_end || bulk == Progress::Busy)
    }

    /// Appends what has changed since the last call. Returns the number of updates written, and
    /// whether the end of the log was reached.
    fn write_new_changes(&mut self, node: &Node, full: usize, out: &mut Vec<u8>) -> (u64, bool) {
        // What another neighbour sends in a bulk sync is probably known to this one as well. It is
        // left to the next bulk sync, and so is what comes after it, except reports of this node's
        // clients.
        let bulk_sender = node.bulk.map(|(_, bulk_sender)| bulk_sender);
        let bulk_sender =
            bulk_sender.filter(|bulk_sender| *bulk_sender != self.neighbour && self.bulk.is_none());
        let mut said = 0;
        let mut changes = node.changes_to_say(self.read);
        for (sequence, record) in changes.by_ref().take(PIECE) {
            let source = record.source();
            let is_theirs = match source {
                Source::Neighbour(from, _) if is_planted(Bug::SplitHorizonByName) => from == self.neighbour,
                source => source == self.theirs,
            };
            let is_bulk = matches!(source, Source::Neighbour(from, _) if Some(from) == bulk_sender);
            let is_later = self.gap.is_some() && self.bulk.is_none() && source != Source::Client;
            if is_bulk || is_later {
                self.gap.get_or_insert(self.read);
            } else if !is_theirs {
                record.write_line(out);
                out.push(b'\n');
                said += 1;
            }
            self.read = sequence;
            bug::note_said(node.epoch, self.neighbour.0, sequence);
            if out.len() >= full {
                break;
            }
        }
        (said, changes.next().is_none())
    }

    /// Begins to close the gap, if there is one and no other neighbour is sending a bulk sync. If
    /// the neighbour may lack many updates, begins a bulk sync; otherwise reads the log from the
    /// gap again.
    fn begin_bulk_sync(&mut self, node: &Node) {
        let Some(from) = self.gap.filter(|_| self.bulk.is_none()) else { return };
        if node.bulk.is_some_and(|(_, bulk_sender)| bulk_sender != self.neighbour) {
            return;
        }
        if node.table.backlog(from) <= node.limits.bulk_sync {
            self.gap = None;
            self.read = from;
            return;
        }
        self.bulks += 1;
        self.read = node.last_to_say().max(self.read);
        let seed = seed(node.incarnation, [node.epoch, self.link.0, self.bulks]);
        self.bulk = Some(Box::new(BulkSender::begin(node, from, self.read, seed)));
    }

    /// Continues the bulk sync, if there is one. Returns the number of updates written.
    fn continue_bulk_sync(&mut self, node: &Node, full: usize, out: &mut Vec<u8>) -> (u64, Progress) {
        let Some(bulk) = &mut self.bulk else { return (0, Progress::Waiting) };
        let (progress, said) = bulk.advance(node, self.theirs, full, out);
        if progress == Progress::Done {
            self.gap = None;
            self.bulk = None;
        }
        (said, progress)
    }
}
