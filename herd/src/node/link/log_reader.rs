//! Reads this node's change log for a neighbour.
//!
//! A reader may skip changes and send later ones first; the skipped range is its gap. Marks stop
//! before the gap, and a bulk sync closes it by sending only what the neighbour lacks. There is a
//! gap at the start of a link if the neighbour may lack many updates, and while another neighbour
//! sends this node a bulk sync, because this neighbour probably has the same updates.
//!
//! A reader leaves out updates of origins that the neighbour has pruned. It announces them later.

use super::bucket_sums::{Differences, seed};
use std::time::Duration;

use super::announcer::Announcer;
use super::bulk_sync::{BulkSender, PIECE, Progress};
use super::resender::Resender;
use crate::bug::{self, Bug, is_planted};
use crate::message::{LinkLine, OriginWindow};
use crate::node::Node;
use crate::node::neighbours::{LinkId, NeighbourId};
use crate::node::table::{Record, Source};

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
    /// Announces what has been left out.
    announcer: Announcer,
    /// Sends what the neighbour has asked for.
    resender: Option<Resender>,
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
            announcer: Announcer::default(),
            resender: None,
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

    /// Takes the neighbour's request for updates of these windows after `sequence`.
    pub(super) fn take_want<'a>(
        &mut self,
        node: &Node,
        sequence: u64,
        windows: impl Iterator<Item = OriginWindow<'a>>,
    ) {
        self.resender = Some(Resender::begin(node, sequence, self.sent_up_to(), windows));
    }

    /// Leaves out nothing any more, and sends what was left out and not announced.
    pub(super) fn send_all(&mut self) {
        self.announcer.stop();
    }

    /// Returns when there may be something to announce; `None` if nothing has been left out.
    pub(super) fn announces_at(&self) -> Option<Duration> {
        self.announcer.looks_at()
    }

    /// Appends changes that the neighbour has not heard, and marks how far that got. Returns the
    /// numbers of updates and of bytes of announcements written, and whether more work can be done
    /// at once.
    pub(super) fn write_changes(
        &mut self,
        node: &Node,
        now: Duration,
        heartbeat_due: bool,
        out: &mut Vec<u8>,
    ) -> (u64, usize, bool) {
        let batch = node.limits.link_batch_bytes;
        if let Some(from) = self.announcer.take_overdue(node) {
            self.read = self.read.min(from);
        }
        let full = out.len() + batch;
        if is_planted(Bug::MarkBeforeLines) && self.read < node.table.head() {
            LinkLine::UpTo(node.table.head()).write(out);
        }
        self.begin_bulk_sync(node);
        let (news, at_end) = self.write_new_changes(node, full, out);
        // Reserve room, so a steady stream of updates cannot starve the bulk sync.
        let full = out.len() + batch / 2;
        let (missed, bulk) = self.continue_bulk_sync(node, full, out);
        let (resent, is_resending) = self.resend(node, full, out);
        let said = news + missed + resent;
        let newly_synced = at_end && !self.synced && self.gap.is_none();
        let mark = self.announcer.bound(self.sent_up_to());
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
        let before = out.len();
        if let Some(mark) = self.announcer.announce(node, self.neighbour, self.sent_up_to(), now, out) {
            self.marked = self.marked.max(mark);
        }
        (said, out.len() - before, !at_end || bulk == Progress::Busy || is_resending)
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
        let lazy = &node.neighbours[self.neighbour].lazy;
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
            } else if is_theirs || is_pruned_too(node, self.neighbour, record) {
                // They have it.
            } else if self.gap.is_none()
                && let Some(origin) = self.announcer.may_leave_out(node, sequence, record, lazy)
            {
                self.announcer.leave_out(sequence, origin);
            } else {
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

    /// Continues to send what the neighbour has asked for. Returns the number of updates written,
    /// and whether there is more.
    fn resend(&mut self, node: &Node, full: usize, out: &mut Vec<u8>) -> (u64, bool) {
        let Some(resender) = &mut self.resender else { return (0, false) };
        let (said, is_done) = resender.write_updates(node, self.theirs, full, out);
        if is_done {
            self.resender = None;
        }
        (said, !is_done)
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

/// For [`Bug::PrunedBothWays`]: returns whether this node has pruned the record's origin itself.
fn is_pruned_too(node: &Node, neighbour: NeighbourId, record: Record<'_>) -> bool {
    let pruned = &node.neighbours[neighbour].pruned;
    is_planted(Bug::PrunedBothWays) && record.origin().is_some_and(|origin| pruned.contains(origin))
}
