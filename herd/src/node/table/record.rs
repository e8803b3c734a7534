//! The record of one client: its latest report, or its removal.

use std::cmp::Ordering;

use super::backwards::Backwards;
use super::digits::{Digits, Text, packed_length};
use super::records::Records;
use super::slot::{Kind, Slot};
use super::stamp::PackedStamp;
use crate::bug::{Bug, is_planted};
use crate::message::{At, Update};
use crate::node::neighbours::NeighbourId;

/// The latest update of one client. A removal is kept as well, because it must win over older
/// reports that are still on their way.
///
/// This is a view of a [`Table`](super::Table)'s packed form, from which the line is written
/// exactly as it came.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    slot: &'a Slot,
    records: &'a Records,
}

/// The source of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client of this node.
    Client,
    /// This node's journal.
    Journal,
    /// A node of another herd, over the backbone.
    Backbone,
    /// A neighbour, in one of its epochs (counted from this node's view). In the next epoch it may
    /// have lost the update.
    Neighbour(NeighbourId, u32),
}

/// The number of decimals of every skew.
const SKEW_DECIMALS: usize = 9;

impl<'a> Record<'a> {
    pub(super) fn new(slot: &'a Slot, records: &'a Records) -> Record<'a> {
        Record { slot, records }
    }

    /// Returns the line without its line end, as an [`Update`]. It has the same bytes at every
    /// node.
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        self.write_line(&mut line);
        line
    }

    /// Appends the same line to `out`.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        self.with_line(|line| out.extend_from_slice(line));
    }

    /// Returns the AT line without its line end, as clients see it; `None` if the client is
    /// removed.
    pub fn at(&self) -> Option<Vec<u8>> {
        match self.slot.kind {
            Kind::Removal => None,
            Kind::ReportAfterRemoval => Some(Update::parse(self.plain())?.report?.line.to_vec()),
            Kind::Here | Kind::Elsewhere | Kind::Report => Some(self.line()),
        }
    }

    /// Returns how often the client has been removed.
    pub fn removals(&self) -> u32 {
        match self.slot.kind {
            Kind::Here | Kind::Elsewhere | Kind::Report => 0,
            // The number is needed so rarely that it is not stored separately.
            Kind::Removal | Kind::ReportAfterRemoval => {
                Update::parse(self.plain()).map_or(0, |update| update.removals)
            }
        }
    }

    /// Returns whether the client is removed and has not reported since.
    pub fn is_removal(&self) -> bool {
        self.slot.kind == Kind::Removal
    }

    /// Returns whether the client was ever removed.
    pub(in crate::node) fn was_removed(&self) -> bool {
        matches!(self.slot.kind, Kind::Removal | Kind::ReportAfterRemoval)
    }

    /// Returns the source of the update.
    pub fn source(&self) -> Source {
        self.slot.source()
    }

    /// Returns the number of the update's [origin](super::Table::origin). A few updates have none.
    pub(in crate::node) fn origin(&self) -> Option<u16> {
        matches!(self.slot.kind, Kind::Here | Kind::Elsewhere).then_some(self.slot.server)
    }

    /// Returns the client id.
    pub fn client(&self) -> &'a [u8] {
        let text = self.text();
        &text[text.len() - usize::from(self.slot.client)..]
    }

    /// Returns whether an update wins over this one, by the rules in the section "Which update
    /// wins" of `docs/src/reference/protocol.md`: more removals; a report over its client's
    /// removal; the later time; the smaller skew, that is, the report that was received first; the
    /// smaller line. This is a total order, so all nodes keep the same update, whatever the order
    /// in which updates arrive.
    pub(super) fn loses_to(&self, new: &Update<'_>) -> bool {
        if is_planted(Bug::RemovedComesBack) && self.is_removal() && new.report.is_some() {
            return true;
        }
        if self.was_removed() || new.removals > 0 {
            match new.removals.cmp(&self.removals()) {
                Ordering::Equal if self.is_removal() => return new.report.is_some(),
                Ordering::Equal => {}
                order => return order == Ordering::Greater,
            }
        }
        new.report.as_ref().is_some_and(|at| self.is_earlier_than(at))
    }

    /// Compares with a report after the same number of removals.
    fn is_earlier_than(&self, new: &At<'_>) -> bool {
        let order = new.iamat.stamp.time().cmp(&self.slot.stamp.time());
        if is_planted(Bug::NoTieBreak) {
            return order == Ordering::Greater;
        }
        if is_planted(Bug::ArrivalOrderWins) {
            return self.at().as_deref() != Some(new.line);
        }
        order.then_with(|| self.order_of_equal_times(new)) == Ordering::Greater
    }

    fn order_of_equal_times(&self, new: &At<'_>) -> Ordering {
        if self.is_packed_like(new) {
            return Ordering::Equal;
        }
        // The rest is needed so rarely that nothing is stored for it.
        let line = self.at();
        let Some(known) = line.as_deref().and_then(At::parse) else { return Ordering::Equal };
        known.skew.cmp(&new.skew).then_with(|| known.line.cmp(new.line))
    }

    /// Returns whether this is a packed form of a report of the same client. Most updates with the
    /// same time are the same update, which came another way.
    fn is_packed_like(&self, new: &At<'_>) -> bool {
        matches!(self.slot.kind, Kind::Here | Kind::Elsewhere)
            && self.slot.stamp == PackedStamp::pack(new.iamat.stamp)
            && self.records.servers().get(self.slot.server) == new.server()
            && self.text()[..packed_length(self.slot.numbers)] == *Digits::pack(new).as_bytes()
    }

    /// Calls `read` with the line.
    pub(super) fn with_line<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        match self.slot.kind {
            Kind::Here | Kind::Elsewhere => read(self.unpack().as_bytes()),
            Kind::Report | Kind::Removal | Kind::ReportAfterRemoval => read(self.plain()),
        }
    }

    /// Returns a packed line as it came.
    fn unpack(&self) -> Backwards {
        let text = self.text();
        let numbers = Text::unpack(text, self.slot.numbers);
        let count = numbers.as_bytes().len();
        let point = numbers.as_bytes().iter().position(|byte| *byte == b'.').unwrap_or_default();
        let skew = (point + 1 + SKEW_DECIMALS).min(count);
        let (start, start_length) = self.records.servers().start_of_line(self.slot.server);
        let mut line = Backwards::new();
        self.slot.stamp.put(&mut line);
        line.put_byte(b' ');
        line.put(numbers.up_to(count), count - skew);
        line.put_byte(b' ');
        line.put(text, usize::from(self.slot.client));
        line.put_byte(b' ');
        line.put(numbers.up_to(skew), skew);
        line.put(start, start_length);
        line
    }

    /// Returns a line that is not packed.
    fn plain(&self) -> &'a [u8] {
        let text = self.text();
        &text[..text.len() - usize::from(self.slot.client)]
    }

    /// Returns the text, which ends with the client id.
    fn text(&self) -> &'a [u8] {
        self.slot.text().unwrap_or_else(|number| self.records.texts().get(number))
    }
}
