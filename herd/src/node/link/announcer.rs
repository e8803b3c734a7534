//! Announces updates that were left out because the neighbour gets them sooner from elsewhere.
//!
//! An announcement is a mark with the sums of the windows in which something has changed since the
//! last one. It waits until these windows have not changed for a while, so the neighbour has
//! probably learned the same by then, and its sums are equal.

use std::time::Duration;

use crate::message::{LISTED, LinkLine, OriginWindow, list_sums};
use crate::node::Node;
use crate::node::neighbours::NeighbourId;
use crate::node::origins::OriginSet;
use crate::node::table::{Record, WindowSum};

/// What has been left out on a link, and is to be announced.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    /// The sequences of the first and last update that was left out since the last mark.
    left_out: Option<(u64, u64)>,
    /// The origins of what has been left out since then.
    origins: OriginSet,
    /// The sequence up to which all changes of these origins have been announced, or sent.
    announced: u64,
    /// When to look which windows have not changed since the last look, and how far the log went
    /// then.
    look: Option<(Duration, u64)>,
    /// Whether nothing may be left out any more.
    is_stopped: bool,
}

impl Announcer {
    /// Returns the origin of an update that may be left out. `lazy` are the origins that the
    /// neighbour has pruned.
    pub(super) fn may_leave_out(
        &self,
        node: &Node,
        sequence: u64,
        record: Record<'_>,
        lazy: &OriginSet,
    ) -> Option<u16> {
        let origin = record.origin().filter(|origin| lazy.contains(*origin))?;
        let may = !self.is_stopped && sequence > node.table.windows().forgotten();
        may.then_some(origin)
    }

    /// Notes that an update of an origin was left out.
    pub(super) fn leave_out(&mut self, sequence: u64, origin: u16) {
        self.origins.insert(origin);
        let (first, _) = self.left_out.unwrap_or((sequence, sequence));
        self.left_out = Some((first, sequence));
    }

    /// Leaves out nothing any more.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Returns the sequence after which everything must be sent instead of announced, because this
    /// node does not keep the sums any more.
    pub(super) fn take_overdue(&mut self, node: &Node) -> Option<u64> {
        let forgotten = node.table.windows().forgotten();
        let overdue = self.left_out.take_if(|(first, _)| self.is_stopped || *first <= forgotten);
        overdue.map(|(first, _)| first - 1)
    }

    /// Returns the last sequence that a mark without an announcement may have, if everything up to
    /// `read` was sent or left out.
    pub(super) fn bound(&self, read: u64) -> u64 {
        self.left_out.map_or(read, |(first, _)| read.min(first - 1))
    }

    /// Returns when to call [`announce`](Self::announce).
    pub(super) fn looks_at(&self) -> Option<Duration> {
        self.look.map(|(at, _)| at)
    }

    /// Appends an announcement if one is due. Everything up to `read` was sent or left out. Returns
    /// the sequence of the mark.
    pub(super) fn announce(
        &mut self,
        node: &Node,
        neighbour: NeighbourId,
        read: u64,
        now: Duration,
        out: &mut Vec<u8>,
    ) -> Option<u64> {
        let Some((first, last)) = self.left_out else {
            self.announced = self.announced.max(read);
            self.origins = OriginSet::default();
            self.look = None;
            return None;
        };
        let next = now + node.announcement_delay(neighbour);
        let (at, upto) = *self.look.get_or_insert((next, read));
        if now < at {
            return None;
        }
        let windows = node.table.windows();
        let mark = windows.unchanged_up_to(&self.origins, upto);
        let changed: Vec<WindowSum> = windows.changed(&self.origins, self.announced, upto).collect();
        if mark >= first || !changed.is_empty() {
            write_announcement(node, mark.max(first - 1), &changed, out);
        }
        self.announced = upto;
        self.left_out = (mark < last).then_some((first.max(mark + 1), last));
        self.look = self.left_out.map(|_| (next, read));
        (mark >= first).then_some(mark)
    }
}

/// Appends lines that announce windows. Only the last one has the mark: the others are for windows
/// that do not fit into it.
fn write_announcement(node: &Node, mark: u64, changed: &[WindowSum], out: &mut Vec<u8>) {
    let mut pieces = changed.chunks(LISTED).peekable();
    if pieces.peek().is_none() {
        LinkLine::UpTo(mark).write(out);
    }
    while let Some(piece) = pieces.next() {
        let sequence = if pieces.peek().is_none() { mark } else { 0 };
        let windows = piece.iter().map(|window| {
            let origin = node.table.origin_name(window.origin);
            (OriginWindow { origin, number: window.number }, window.sum)
        });
        LinkLine::Have { sequence, windows: &list_sums(windows) }.write(out);
    }
}
