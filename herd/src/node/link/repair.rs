//! Learning from what a neighbour sends and announces: which neighbour sends updates first, and
//! what is missing.

use std::time::Duration;

use super::end::LinkEnd;
use super::event::LinkEvent;
use super::heard_line::HeardLine;
use super::{Link, Peer};
use crate::message::sums_of_windows;
use crate::node::Node;
use crate::node::neighbours::{Cursor, NeighbourId};
use crate::node::table::Outcome;

/// The first version of the link language with [trees](crate::node::trees).
pub(super) const TREES: u64 = 6;

impl Link {
    /// Takes a mark with the windows that it announces. The cursor moves there unless something is
    /// missing. A mark also ends the neighbour's bulk sync if there is one.
    pub(super) fn take_mark(
        &mut self,
        node: &mut Node,
        peer: Peer,
        sequence: u64,
        announced: &str,
        now: Duration,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        if !self.missing.take_mark(node, sequence, sums_of_windows(announced), now) {
            return Err(LinkEnd::Framing("more announced windows than a node keeps".to_owned()));
        }
        self.move_cursor(node, peer, now);
        node.bulk.take_if(|(link, _)| *link == self.id);
        Ok(self.bulk.take().map(|_| LinkEvent::BulkOver))
    }

    /// Takes the end of the answer to a request for what is missing.
    pub(super) fn take_answer(
        &mut self,
        node: &mut Node,
        peer: Peer,
        sent: &str,
        now: Duration,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        let is_useful = self.missing.take_answer(node, sums_of_windows(sent), now);
        let is_useful = is_useful.ok_or_else(|| LinkEnd::Framing("an answer to no question".to_owned()))?;
        self.move_cursor(node, peer, now);
        let repairs = &mut node.neighbours[peer.neighbour].counters.repairs;
        *repairs += u64::from(is_useful);
        Ok(is_useful.then_some(LinkEvent::Repaired))
    }

    /// Moves the cursor to the last mark, if nothing before it is missing.
    fn move_cursor(&mut self, node: &mut Node, peer: Peer, now: Duration) {
        if let Some(sequence) = self.missing.settle(node, now) {
            node.neighbours[peer.neighbour].cursor = Cursor { epoch: peer.epoch, sequence };
        }
    }

    /// Learns from an update which neighbour sends its origin's updates first.
    pub(super) fn learn_tree(
        &mut self,
        node: &mut Node,
        neighbour: NeighbourId,
        heard: &HeardLine<'_>,
        event: &LinkEvent,
        now: Duration,
    ) {
        let LinkEvent::Update { outcome, .. } = *event else { return };
        // What a neighbour sends at the start of a link, or in a bulk sync, says nothing.
        if self.version < TREES || !self.is_synced || self.bulk.is_some() {
            return;
        }
        let Some(report) = heard.update.and_then(|update| update.report) else { return };
        let Some(origin) = node.table.origin(report.server()) else { return };
        let is_answer = self.missing.is_asked_for(&report);
        if is_answer && outcome == Outcome::Fresh {
            self.missing.note_news();
            node.table.windows_mut().note_repair(origin, report.window());
        }
        node.note_sender(neighbour, origin, outcome, is_answer, now);
        if outcome == Outcome::Fresh && !is_answer {
            node.trees.note_progress(origin, report.window(), now);
        }
    }
}
