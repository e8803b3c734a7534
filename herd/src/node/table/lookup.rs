//! Finding the record of a client.

use super::change_log::RecordId;
use super::{Record, Table};
use crate::message::ClientId;

/// Where a client's record probably is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub(super) hash: u64,
    guess: Option<RecordId>,
}

impl Table {
    /// Returns where a client's record probably is, without reading it.
    pub(in crate::node) fn locate(&self, client: ClientId<'_>) -> Place {
        let hash = self.hasher.hash_one(client.as_bytes());
        Place { hash, guess: self.index.guess(hash) }
    }

    /// Loads the records at these places into the processor's cache, with their sequences.
    pub(in crate::node) fn preload<'a>(&self, places: impl Iterator<Item = &'a Place>) {
        let mut latest = 0;
        let guesses = places.filter_map(|place| place.guess);
        self.records.preload(guesses.inspect(|guess| latest ^= u64::from(self.log.has(*guess))));
        // The compiler must not skip the loads.
        std::hint::black_box(latest);
    }

    /// Returns a client's record; `None` if there is none, or the client is removed.
    pub fn get(&self, client: ClientId<'_>) -> Option<Record<'_>> {
        self.get_with_sequence(client).map(|(_, record)| record)
    }

    /// Returns a client's record, which may be its removal.
    pub fn get_even_removed(&self, client: ClientId<'_>) -> Option<Record<'_>> {
        self.find(client, self.locate(client)).map(|record| self.records.get(record))
    }

    /// Returns a client's record with its sequence; `None` if there is none, or the client is
    /// removed.
    pub fn get_with_sequence(&self, client: ClientId<'_>) -> Option<(u64, Record<'_>)> {
        self.latest(client).filter(|(_, record)| !record.is_removal() && !self.is_forgotten(*record))
    }

    /// Returns the sequence of a client's removal, if the client is removed.
    pub(in crate::node) fn removal_of(&self, client: ClientId<'_>) -> Option<u64> {
        self.latest(client).filter(|(_, record)| record.is_removal()).map(|(sequence, _)| sequence)
    }

    fn latest(&self, client: ClientId<'_>) -> Option<(u64, Record<'_>)> {
        let record = self.find(client, self.locate(client))?;
        Some((self.log.latest(record), self.records.get(record)))
    }

    pub(super) fn find(&self, client: ClientId<'_>, place: Place) -> Option<RecordId> {
        let id = client.as_bytes();
        let is_it =
            |record: &RecordId| self.records.look(*record).is_some_and(|record| record.client() == id);
        place.guess.filter(is_it).or_else(|| self.index.find(place.hash, |record| is_it(&record)))
    }
}
