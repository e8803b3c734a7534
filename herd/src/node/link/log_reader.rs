//! Reading this node's change log for a neighbour.
//!
//! A reader may leave a gap: changes that it has not said, before others that it has. Marks stop before it then. A gap is closed by a
//! bulk sync, in which only what the neighbour lacks is said. There is one at first, when the neighbour may lack much; and
//! there is one while this node is itself told much by another neighbour, since that is likely to be known to this one.

use super::bucket_sums::{Differences, seed};
use super::bulk_sync::{BulkSender, PIECE, Progress};
use crate::bug::{self, Bug, is_planted};
use crate::message::LinkLine;
use crate::node::Node;
use crate::node::neighbours::{LinkId, NeighbourId};
use crate::node::table::Source;

/// How far this node's log has been read for the neighbour.
#[derive(Debug)]
pub(super) struct LogReader {
    neighbour: NeighbourId,
    /// Where updates came from that this neighbour has said in its life: not back to where it came from.
    theirs: Source,
    link: LinkId,
    read: u64,
    /// After which sequence there are changes, up to `read`, that have not been said.
    gap: Option<u64>,
    /// What closes it.
    bulk: Option<Box<BulkSender>>,
    /// How many bulk syncs there have been.
    bulks: u64,
    /// The last mark written. Behind `read` while all that was read since came from the neighbour itself: that
    /// alone is not worth a wake-up, and the mark goes with the next heartbeat.
    marked: u64,
    /// Whether the end of the log has been reached once.
    synced: bool,
}

impl LogReader {
    /// Begins to read behind `from`, for a neighbour whose own updates came from `theirs`.
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

    /// Where updates come from that the neighbour says.
    pub(super) fn theirs(&self) -> Source {
        self.theirs
    }

    /// Up to where the neighbour has been told everything.
    pub(super) fn told(&self) -> u64 {
        self.gap.unwrap_or(self.read)
    }

    /// Takes an answer of the neighbour's in a bulk sync. Returns whether it was expected.
    pub(super) fn take_answer(&mut self, group: Option<u8>, differ: Differences) -> bool {
        self.bulk.as_mut().is_some_and(|bulk| bulk.take_answer(group, differ))
    }

    /// Writes changes that the neighbour has not heard, and marks how far that got. Returns how many updates that were, and
    /// whether there is more to be done at once.
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
        // Room of its own: news that never end must not keep it from its end.
        let full = out.len() + batch / 2;
        let (missed, bulk) = self.continue_bulk_sync(node, full, out);
        let said = news + missed;
        let newly_synced = at_end && !self.synced && self.gap.is_none();
        let mark = self.told();
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

    /// Writes what has changed since the last call. Returns how many updates that were, and whether there is no more.
    fn write_new_changes(&mut self, node: &Node, full: usize, out: &mut Vec<u8>) -> (u64, bool) {
        // What another neighbour tells in a bulk sync is likely to be known to this one: it is left to the next bulk sync, and so
        // is what comes after it, but for the reports of this node's own clients.
        let teller = node.bulk.map(|(_, teller)| teller);
        let teller = teller.filter(|teller| *teller != self.neighbour && self.bulk.is_none());
        let mut said = 0;
        let mut changes = node.changes_to_say(self.read);
        for (sequence, record) in changes.by_ref().take(PIECE) {
            let source = record.source();
            let is_theirs = match source {
                Source::Neighbour(from, _) if is_planted(Bug::SplitHorizonByName) => from == self.neighbour,
                source => source == self.theirs,
            };
            let is_told = matches!(source, Source::Neighbour(from, _) if Some(from) == teller);
            let is_later = self.gap.is_some() && self.bulk.is_none() && source != Source::Client;
            if is_told || is_later {
                self.gap.get_or_insert(self.read);
            } else if !is_theirs {
                LinkLine::Update(record.line()).write(out);
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

    /// Begins to close the gap, if there is one and nobody else is telling this node much: by a bulk sync, if the neighbour may lack
    /// much, else by reading on from there.
    fn begin_bulk_sync(&mut self, node: &Node) {
        let Some(from) = self.gap.filter(|_| self.bulk.is_none()) else { return };
        if node.bulk.is_some_and(|(_, teller)| teller != self.neighbour) {
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

    /// Goes on with the bulk sync, if there is one. Returns how many updates were said.
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
