//! What is known of one client.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::neighbours::NeighbourId;
use crate::bug::{Bug, is_planted};
use crate::message::{At, Time};

/// The latest update of one client.
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
    /// Where the client id stands in `line`, and how long it is.
    client: (u8, u8),
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
    pub(super) fn new(at: &At<'_>, source: Source) -> Record {
        let Time { seconds, nanoseconds } = at.iamat.stamp.time();
        let line = SmallVec::from_slice(at.line);
        Record { line, seconds, nanoseconds, source, client: client_range(at) }
    }

    /// Takes a later update of the same client.
    pub(super) fn replace(&mut self, at: &At<'_>, source: Source) {
        // Reports of one client are mostly of the same length.
        if self.line.len() == at.line.len() {
            self.line.copy_from_slice(at.line);
        } else {
            self.line = SmallVec::from_slice(at.line);
        }
        Time { seconds: self.seconds, nanoseconds: self.nanoseconds } = at.iamat.stamp.time();
        self.source = source;
        self.client = client_range(at);
    }

    /// The AT line without its line end: the same bytes at every node.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Where it came from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whose it is.
    pub(super) fn client(&self) -> &[u8] {
        let (start, length) = self.client;
        &self.line[usize::from(start)..][..usize::from(length)]
    }

    /// Whether an update wins over this one: the latest time wins; of equal times the one received first, that is
    /// with the smaller skew; then the smaller line. A total order, so that every node settles on the same update,
    /// in whatever order they come.
    pub(super) fn loses_to(&self, new: &At<'_>) -> bool {
        let time = Time { seconds: self.seconds, nanoseconds: self.nanoseconds };
        let order = new.iamat.stamp.time().cmp(&time);
        if is_planted(Bug::NoTieBreak) {
            return order == Ordering::Greater;
        }
        if is_planted(Bug::ArrivalOrderWins) {
            return self.line.as_slice() != new.line;
        }
        order.then_with(|| self.order_of_equal_times(new)) == Ordering::Greater
    }

    fn order_of_equal_times(&self, new: &At<'_>) -> Ordering {
        // Seldom needed, so the skew is not kept twice.
        let skew = At::parse(&self.line).map(|known| known.skew);
        let by_skew = skew.map_or(Ordering::Equal, |skew| skew.cmp(&new.skew));
        by_skew.then_with(|| self.line.as_slice().cmp(new.line))
    }
}

/// Where the client id stands in an AT line: before the two last fields.
fn client_range(at: &At<'_>) -> (u8, u8) {
    let [client, location, stamp] =
        [at.iamat.client.as_bytes(), at.iamat.location.as_bytes(), at.iamat.stamp.as_bytes()]
            .map(<[u8]>::len);
    let start = at.line.len() - (client + 1 + location + 1 + stamp);
    // A node name has at most 64 bytes, a skew 23, a client id 255.
    (start as u8, client as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_two_cache_lines() {
        assert_eq!(size_of::<Record>(), 128);
    }
}
