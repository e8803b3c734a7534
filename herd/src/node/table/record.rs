//! What is known of one client: its latest report, or that it was removed.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::bug::{Bug, is_planted};
use crate::message::{At, Time, Update};
use crate::node::neighbours::NeighbourId;

/// The latest update of one client. That of a removed one stays: it wins over reports from before that are still
/// on their way.
///
/// Found, compared and replaced for every report, mostly without having been near the processor for a while: so
/// everything stands together in 128 bytes, the line too unless it is a long one.
#[derive(Debug)]
pub struct Record {
    line: SmallVec<[u8; USUAL_LINE]>,
    /// Its time, in two parts that take less room than the pair.
    seconds: u64,
    nanoseconds: u32,
    source: Source,
    form: Form,
    /// Where the client id stands in `line`, and how long it is.
    client: (u8, u8),
}

/// What kind of line a record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `AT ...`
    Report,
    /// `REMOVED ...`
    Removal,
    /// `AFTER ...`
    ReportAfterRemoval,
}

/// AT lines up to this many bytes are kept without an allocation of their own: those of names and client ids of
/// some thirty bytes together.
const USUAL_LINE: usize = 96;

/// Where an update came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client of this node.
    Client,
    /// This node's journal.
    Journal,
    /// A neighbour, in one life of its table: the next life does not know what this one said.
    Neighbour(NeighbourId, u32),
}

impl Record {
    pub(super) fn new(update: &Update<'_>, source: Source) -> Record {
        let Time { seconds, nanoseconds } = time_of(update);
        let form = Form::of(update);
        let client = client_range(update);
        Record { line: SmallVec::from_slice(update.line), seconds, nanoseconds, source, form, client }
    }

    /// Takes a later update of the same client.
    pub(super) fn replace(&mut self, update: &Update<'_>, source: Source) {
        // Reports of one client are mostly of the same length.
        if self.line.len() == update.line.len() {
            self.line.copy_from_slice(update.line);
        } else {
            self.line = SmallVec::from_slice(update.line);
        }
        Time { seconds: self.seconds, nanoseconds: self.nanoseconds } = time_of(update);
        (self.source, self.form, self.client) = (source, Form::of(update), client_range(update));
    }

    /// The line without its line end, as an [`Update`]: the same bytes at every node.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The AT line without its line end, as clients see it; `None` for a removed client.
    pub fn at(&self) -> Option<&[u8]> {
        match self.form {
            Form::Report => Some(&self.line),
            Form::Removal => None,
            Form::ReportAfterRemoval => Update::parse(&self.line)?.report.map(|at| at.line),
        }
    }

    /// How often the client has been removed.
    pub fn removals(&self) -> u32 {
        match self.form {
            Form::Report => 0,
            // Rare, so the number is not kept twice.
            Form::Removal | Form::ReportAfterRemoval => {
                Update::parse(&self.line).map_or(0, |update| update.removals)
            }
        }
    }

    /// Whether the client is removed, and has not reported since.
    pub fn is_removal(&self) -> bool {
        self.form == Form::Removal
    }

    /// Whether the client was ever removed.
    pub(in crate::node) fn was_removed(&self) -> bool {
        self.form != Form::Report
    }

    /// Where it came from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whose it is.
    pub(in crate::node) fn client(&self) -> &[u8] {
        let (start, length) = self.client;
        &self.line[usize::from(start)..][..usize::from(length)]
    }

    /// Whether an update wins over this one. More removals win; of equal numbers a report wins over the removal. Of two
    /// reports the latest time wins; of equal times the one received first, that is with the smaller skew; then the smaller
    /// line. A total order, so that every node settles on the same update, in whatever order they come.
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

    /// Of two reports after equally many removals.
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
        // Seldom needed, so the skew is not kept twice.
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

/// The client's time; a removal has none, and needs none.
fn time_of(update: &Update<'_>) -> Time {
    update.report.as_ref().map_or_else(Time::default, |at| at.iamat.stamp.time())
}

/// Where the client id stands in a line: at its end, or before the two last fields of a report.
fn client_range(update: &Update<'_>) -> (u8, u8) {
    let behind = update.report.as_ref().map_or(0, |at| {
        let [location, stamp] = [at.iamat.location.as_bytes(), at.iamat.stamp.as_bytes()].map(<[u8]>::len);
        location + stamp + 2
    });
    let client = update.client.as_bytes().len();
    // Words and numbers have at most 16 bytes, a node name 64, a skew 23, a client id 255.
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
