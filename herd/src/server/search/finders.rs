//! The two ways to find clients.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::page::Entry;
use super::place::Place;
use super::query::Cursor;
use super::scan::Finder;
use crate::message::At;
use crate::node::Record;

/// Finds clients by the start of their ids, in the order in which the node learned of them.
pub(super) struct ByPrefix {
    prefix: Vec<u8>,
    from: u32,
    limit: usize,
    found: Vec<Entry>,
    next: Option<Cursor>,
}

impl ByPrefix {
    pub(super) fn new(prefix: Vec<u8>, from: u32, limit: usize) -> ByPrefix {
        ByPrefix { prefix, from, limit, found: Vec::new(), next: None }
    }
}

impl Finder for ByPrefix {
    fn first(&self) -> u32 {
        self.from
    }

    fn may_take(&self, record: Record<'_>) -> bool {
        record.client().starts_with(&self.prefix)
    }

    fn take(&mut self, record: u32, at: Box<[u8]>) -> bool {
        let is_complete = self.found.len() == self.limit;
        if is_complete {
            self.next = Some(Cursor { record, km: None });
        } else {
            self.found.push(Entry { at, km: None });
        }
        is_complete
    }

    fn finish(self) -> (Vec<Entry>, Option<Cursor>) {
        (self.found, self.next)
    }
}

/// Finds the clients nearest to a place.
pub(super) struct Nearest {
    place: Place,
    /// The longest distance in kilometres.
    most: f64,
    /// The distance and the record that the page before ended with.
    after: Option<(f64, u32)>,
    limit: usize,
    /// The nearest clients so far, at most `limit`; the farthest is on top.
    found: BinaryHeap<Candidate>,
    /// Whether there are more within the distance.
    is_cut: bool,
}

/// A client at some distance. The order is that of distances; of equal ones, that of records.
struct Candidate {
    km: f64,
    record: u32,
    at: Box<[u8]>,
}

impl Nearest {
    pub(super) fn new(place: Place, most: f64, after: Option<(f64, u32)>, limit: usize) -> Nearest {
        Nearest { place, most, after, limit, found: BinaryHeap::new(), is_cut: false }
    }

    /// The distance of a record that belongs to this page or a later one.
    fn distance(&self, record: u32, at: &[u8]) -> Option<f64> {
        let (latitude, longitude) = At::parse(at)?.iamat.location.degrees();
        let km = self.place.km_to(Place::new(latitude, longitude)?);
        let follows = self
            .after
            .is_none_or(|(last, of)| km.total_cmp(&last).then(record.cmp(&of)) == Ordering::Greater);
        (follows && km <= self.most).then_some(km)
    }
}

impl Finder for Nearest {
    fn first(&self) -> u32 {
        0
    }

    fn may_take(&self, _: Record<'_>) -> bool {
        true
    }

    fn take(&mut self, record: u32, at: Box<[u8]>) -> bool {
        if let Some(km) = self.distance(record, &at) {
            self.found.push(Candidate { km, record, at });
        }
        if self.found.len() > self.limit {
            self.found.pop();
            self.is_cut = true;
        }
        false
    }

    fn finish(self) -> (Vec<Entry>, Option<Cursor>) {
        let found = self.found.into_sorted_vec();
        let last = found.last().filter(|_| self.is_cut);
        let next = last.map(|last| Cursor { record: last.record, km: Some(last.km) });
        (found.into_iter().map(|Candidate { km, at, .. }| Entry { at, km: Some(km) }).collect(), next)
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.km.total_cmp(&other.km).then(self.record.cmp(&other.record))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Candidate {}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
