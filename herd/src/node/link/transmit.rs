//! Transmitting: what a link sends to the neighbour, and when.

use std::mem;
use std::time::Duration;

use super::bulk_sync::Progress;
use super::end::LinkEnd;
use super::{Link, LinkPhase, Peer, microseconds};
use crate::bug::{Bug, is_planted};
use crate::message::{LinkLine, Time, VERSION};
use crate::node::Node;
use crate::node::neighbours::Cursor;

impl Link {
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
        let heartbeat_due = now >= self.heartbeat;
        if heartbeat_due || is_planted(Bug::StarvedHeartbeat) {
            self.heartbeat = now + node.limits.heartbeat;
        }
        if mem::take(&mut self.hello_due) {
            let name = node.name.as_str();
            let epoch = node.epoch;
            let incarnation = node.incarnation;
            self.epoch = epoch;
            LinkLine::Hello { version: VERSION, name, epoch, incarnation }.write(out);
        }
        if let Some(neighbour) = self.neighbour
            && mem::take(&mut self.cursor_due)
        {
            let Cursor { epoch, sequence } = node.neighbours[neighbour].cursor;
            LinkLine::Cursor { epoch, sequence }.write(out);
        }
        if self.epoch != node.epoch {
            return Err(LinkEnd::NewEpoch);
        }
        if let LinkPhase::Complete(peer, reader) = &mut self.phase {
            if !node.neighbours[peer.neighbour].is_current(self.id) {
                return Err(LinkEnd::Duplicate);
            }
            if heartbeat_due && !is_planted(Bug::NoHeartbeat) {
                write_heartbeat(node, *peer, self.timer, now, clock, out);
            }
            let (said, mut is_busy) = reader.write_changes(node, heartbeat_due, out);
            let neighbour = &mut node.neighbours[peer.neighbour];
            neighbour.counters.said += said;
            neighbour.sent = reader.sent_up_to();
            if let Some(bulk) = &mut self.bulk
                && node.bulk.get_or_insert((self.id, peer.neighbour)).0 == self.id
            {
                is_busy |= bulk.advance(node, out) == Progress::Busy;
            }
            self.busy = is_busy.then_some(now);
        }
        Ok(())
    }
}

/// Appends a heartbeat to `out`. `timer` is the neighbour's timer in its last heartbeat, and the
/// time when that arrived.
fn write_heartbeat(
    node: &Node,
    peer: Peer,
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
    };
    heartbeat.write(out);
}
