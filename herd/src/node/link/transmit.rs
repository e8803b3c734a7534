//! Transmitting: what a link sends to the neighbour, and when.

use std::mem;
use std::time::Duration;

use super::bulk_sync::Progress;
use super::end::LinkEnd;
use super::receive::FORGETS;
use super::{Link, LinkPhase, Peer, microseconds};
use crate::bug::{Bug, is_planted};
use crate::message::{Forgotten, LinkLine, Time};
use crate::node::Node;
use crate::node::neighbours::{Cursor, NeighbourId, Side};

impl Link {
    /// Appends this node's hello to `out` for a node that speaks another version of the language,
    /// unless it has been sent: the node learns which version to speak instead.
    pub(super) fn write_refused_hello(&self, node: &Node, out: &mut Vec<u8>) {
        if self.epoch.is_none() {
            write_hello(node, self.version, out);
        }
    }

    /// Appends to `out` what is due at `now`, when the wall clock shows `clock`: the hello, the
    /// cursor, a heartbeat, or about [`link_batch_bytes`](crate::node::Limits::link_batch_bytes) of
    /// the log. Call it when everything written before has been sent, when the table has changed,
    /// and at [`deadline`](Self::deadline).
    ///
    /// # Errors
    /// Fails if the link has ended. Lines that were appended to `out` may still be sent.
    pub fn transmit(
        &mut self,
        node: &mut Node,
        now: Duration,
        clock: Time,
        out: &mut Vec<u8>,
    ) -> Result<(), LinkEnd> {
        let start = out.len();
        // The neighbour must hear of a horizon before it hears of updates that were news under it.
        let heartbeat_due = now >= self.heartbeat || node.told_horizon() > self.told_horizon;
        if heartbeat_due || is_planted(Bug::StarvedHeartbeat) {
            self.heartbeat = now + node.limits.heartbeat;
        }
        if mem::take(&mut self.hello_due) {
            if let Some(neighbour) = self.neighbour.filter(|_| self.side == Side::Dialled) {
                self.version = node.neighbours[neighbour].version;
            }
            self.epoch = Some(node.epoch);
            write_hello(node, self.version, out);
        }
        if let Some(neighbour) = self.neighbour
            && mem::take(&mut self.cursor_due)
        {
            let Cursor { epoch, sequence } = node.neighbours[neighbour].cursor;
            LinkLine::Cursor { epoch, sequence }.write(out);
        }
        if self.epoch.is_some_and(|epoch| epoch != node.epoch) {
            return Err(LinkEnd::NewEpoch);
        }
        if let LinkPhase::Complete(peer, reader) = &mut self.phase {
            if !node.neighbours[peer.neighbour].is_current(self.id) {
                return Err(LinkEnd::Duplicate);
            }
            if heartbeat_due && !is_planted(Bug::NoHeartbeat) {
                write_heartbeat(node, *peer, self.version, self.timer, now, clock, out);
                self.told_horizon = node.told_horizon();
            }
            let before_prunes = out.len();
            write_prunes(node, peer.neighbour, out);
            let prunes = out.len() - before_prunes;
            let (said, announcements, mut is_busy) = reader.write_changes(node, now, heartbeat_due, out);
            let announces_at = reader.announces_at();
            let neighbour = &mut node.neighbours[peer.neighbour];
            neighbour.counters.said += said;
            neighbour.sent = reader.sent_up_to();
            neighbour.is_idle = announces_at.is_none();
            let cursor = neighbour.cursor;
            let before_question = out.len();
            self.missing.ask(node, self.id, cursor, now, out);
            let question = out.len() - before_question;
            self.work_at = [announces_at, self.missing.due(node, now)].into_iter().flatten().min();
            if let Some(bulk) = &mut self.bulk
                && node.bulk.get_or_insert((self.id, peer.neighbour)).0 == self.id
            {
                is_busy |= bulk.advance(node, out) == Progress::Busy;
            }
            self.busy = is_busy.then_some(now);
            let counters = &mut node.neighbours[peer.neighbour].counters;
            counters.said_bytes += (out.len() - start) as u64;
            counters.announcement_bytes += (prunes + announcements + question) as u64;
        }
        Ok(())
    }
}

/// Appends the hello of this node to `out`.
fn write_hello(node: &Node, version: u64, out: &mut Vec<u8>) {
    let Node { name, epoch, incarnation, .. } = node;
    LinkLine::Hello { version, name, epoch: *epoch, incarnation: *incarnation }.write(out);
}

/// Tells the neighbour which origins' updates it need not send any more, and which again.
fn write_prunes(node: &mut Node, neighbour: NeighbourId, out: &mut Vec<u8>) {
    let Node { neighbours, table, .. } = node;
    let neighbour = &mut neighbours[neighbour];
    if neighbour.pruned == neighbour.told {
        return;
    }
    for origin in neighbour.pruned.differences(&neighbour.told).iter() {
        let name = table.origin_name(origin);
        let is_pruned = neighbour.pruned.contains(origin);
        match is_pruned {
            true => LinkLine::Prune(name).write(out),
            false if is_planted(Bug::GraftLost) => {}
            false => LinkLine::Graft(name).write(out),
        }
    }
    neighbour.told = neighbour.pruned.clone();
}

/// Appends a heartbeat to `out`. `timer` is the neighbour's timer in its last heartbeat, and the
/// time when that arrived.
fn write_heartbeat(
    node: &Node,
    peer: Peer,
    version: u64,
    timer: Option<(u64, Duration)>,
    now: Duration,
    clock: Time,
    out: &mut Vec<u8>,
) {
    let cursor = node.neighbours[peer.neighbour].cursor;
    let heard = if cursor.epoch == peer.epoch { cursor.sequence } else { 0 };
    let echo = timer.map_or(0, |(timer, then)| timer.saturating_add(microseconds(now.saturating_sub(then))));
    let heartbeat = LinkLine::Alive {
        sum: node.table.sum(),
        head: node.table.head(),
        heard,
        sent: microseconds(now),
        echo,
        clock: clock.microseconds(),
        forgotten: if version >= FORGETS { node.says_forgotten() } else { Forgotten::Unsaid },
    };
    heartbeat.write(out);
}
