//! The index from client ids to records.

use hashbrown::HashTable;

use super::change_log::RecordId;
use super::records::Records;

/// Finds records by the hashes of their clients' ids.
///
/// The index consists of many small hash tables. Each grows alone, so a table of ten million
/// clients grows without a pause, and without a copy of the whole index. An entry is only the
/// number of a record: growing reads the records again for their hashes, after they have been
/// loaded together.
#[derive(Debug)]
pub(super) struct Index(Vec<HashTable<RecordId>>);

/// The number of hash tables. With a hundred million clients, each has a hundred thousand entries,
/// and growing one takes a few milliseconds.
const PARTS: usize = 1024;

/// The capacity below which a part is not worth shrinking.
const SMALL: usize = 32;

impl Index {
    /// Adds a record that is not in the index. A part that has to grow for it first loads those of
    /// the `records` that are in it. `hash_of` returns the hash of a record's client.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        record: RecordId,
        records: &Records,
        hash_of: impl Fn(RecordId) -> u64,
    ) {
        let part = &mut self.0[part(hash)];
        if part.len() == part.capacity() {
            records.preload(part.iter().copied());
        }
        part.insert_unique(hash, record, |record| hash_of(*record));
    }

    /// Removes a record that is in the index. `hash_of` returns the hash of a record's client.
    pub(super) fn remove(&mut self, hash: u64, record: RecordId, hash_of: impl Fn(RecordId) -> u64) {
        let part = &mut self.0[part(hash)];
        if let Ok(entry) = part.find_entry(hash, |known| *known == record) {
            entry.remove();
        }
        if part.capacity() > SMALL && part.len() < part.capacity() / 4 {
            part.shrink_to(2 * part.len(), |record| hash_of(*record));
        }
    }

    /// Returns the record for which `is_it` holds, out of those whose hashes may be equal.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(RecordId) -> bool) -> Option<RecordId> {
        self.0[part(hash)].find(hash, |record| is_it(*record)).copied()
    }

    /// Returns a record that probably has this hash, without reading it.
    pub(super) fn guess(&self, hash: u64) -> Option<RecordId> {
        self.find(hash, |_| true)
    }
}

impl Default for Index {
    fn default() -> Index {
        Index((0..PARTS).map(|_| HashTable::new()).collect())
    }
}

/// Returns the part of the index for a hash. A hash table uses the lowest bits and the highest
/// seven, so the part is chosen by others.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}
