//! The record of one client: its latest report, or its removal.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::bug::{Bug, is_planted};
use crate::message::{At, Time, Update};
use crate::node::neighbours::NeighbourId;

/// The latest update of one client. A removal is kept as well, because it must win over older
/// reports that are still on their way.
///
/// Every report looks up, compares and replaces a record, which is rarely in the processor's cache.
/// So a record is one block of 128 bytes, including its line unless that is unusually long.
#[derive(Debug)]
pub struct Record {
    line: SmallVec<[u8; USUAL_LINE]>,
    /// The time of the report, in two fields that need less memory than [`Time`].
    seconds: u64,
    nanoseconds: u32,
    source: Source,
    form: Form,
    /// The offset and the length of the client id in `line`.
    client: (u8, u8),
}

/// The kind of a record's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `AT ...`
    Report,
    /// `REMOVED ...`
    Removal,
    /// `AFTER ...`
    ReportAfterRemoval,
}

/// The length up to which a line is stored without a separate allocation. It suffices for an AT
/// line whose node name and client id have about thirty bytes together.
const USUAL_LINE: usize = 96;

/// The source of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client of this node.
    Client,
    /// This node's journal.
    Journal,
    /// A neighbour, in one of its epochs (counted from this node's view). In the next epoch it may
    /// have lost the update.
    Neighbour(NeighbourId, u32),
}

impl Record {
    pub(super) fn new(update: &Update<'_>, source: Source) -> Record {
        let Time { seconds, nanoseconds } = time_of(update);
        let form = Form::of(update);
        let client = client_range(update);
        Record { line: SmallVec::from_slice(update.line), seconds, nanoseconds, source, form, client }
    }

    /// Replaces the update by a later one of the same client.
    pub(super) fn replace(&mut self, update: &Update<'_>, source: Source) {
        // Most reports of one client have the same length.
        if self.line.len() == update.line.len() {
            self.line.copy_from_slice(update.line);
        } else {
            self.line = SmallVec::from_slice(update.line);
        }
        Time { seconds: self.seconds, nanoseconds: self.nanoseconds } = time_of(update);
        self.source = source;
        self.form = Form::of(update);
        self.client = client_range(update);
    }

    /// Returns the line without its line end, as an [`Update`]. It has the same bytes at every
    /// node.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Returns the AT line without its line end, as clients see it; `None` if the client is
    /// removed.
    pub fn at(&self) -> Option<&[u8]> {
        match self.form {
            Form::Report => Some(&self.line),
            Form::Removal => None,
            Form::ReportAfterRemoval => Update::parse(&self.line)?.report.map(|at| at.line),
        }
    }

    /// Returns how often the client has been removed.
    pub fn removals(&self) -> u32 {
        match self.form {
            Form::Report => 0,
            // The number is needed so rarely that it is not stored separately.
            Form::Removal | Form::ReportAfterRemoval => {
                Update::parse(&self.line).map_or(0, |update| update.removals)
            }
        }
    }

    /// Returns whether the client is removed and has not reported since.
    pub fn is_removal(&self) -> bool {
        self.form == Form::Removal
    }

    /// Returns whether the client was ever removed.
    pub(in crate::node) fn was_removed(&self) -> bool {
        self.form != Form::Report
    }

    /// Returns the source of the update.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns the client id.
    pub fn client(&self) -> &[u8] {
        let (start, length) = self.client;
        &self.line[usize::from(start)..][..usize::from(length)]
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
        let time = Time { seconds: self.seconds, nanoseconds: self.nanoseconds };
        let order = new.iamat.stamp.time().cmp(&time);
        if is_planted(Bug::NoTieBreak) {
            return order == Ordering::Greater;
        }
        if is_planted(Bug::ArrivalOrderWins) {
            return self.at() != Some(new.line);
        }
        order.then_with(|| self.order_of_equal_times(new)) == Ordering::Greater
    }

    fn order_of_equal_times(&self, new: &At<'_>) -> Ordering {
        // The skew is needed so rarely that it is not stored separately.
        let Some(known) = self.at().and_then(At::parse) else { return Ordering::Equal };
        known.skew.cmp(&new.skew).then_with(|| known.line.cmp(new.line))
    }
}

impl Form {
    fn of(update: &Update<'_>) -> Form {
        match (&update.report, update.removals) {
            (None, _) => Form::Removal,
            (Some(_), 0) => Form::Report,
            (Some(_), _) => Form::ReportAfterRemoval,
        }
    }
}

/// Returns the client's time; 0 for a removal, which has none.
fn time_of(update: &Update<'_>) -> Time {
    update.report.as_ref().map_or_else(Time::default, |at| at.iamat.stamp.time())
}

/// Returns the offset and length of the client id: the last field of a removal, and the third from
/// last of a report.
fn client_range(update: &Update<'_>) -> (u8, u8) {
    let behind = update.report.as_ref().map_or(0, |at| {
        let [location, stamp] = [at.iamat.location.as_bytes(), at.iamat.stamp.as_bytes()].map(<[u8]>::len);
        location + stamp + 2
    });
    let client = update.client.as_bytes().len();
    // At most 16 bytes for words and numbers, 64 for a node name, 23 for a skew, 255 for a client
    // id.
    ((update.line.len() - behind - client) as u8, client as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_two_cache_lines() {
        assert_eq!(size_of::<Record>(), 128);
    }
}
