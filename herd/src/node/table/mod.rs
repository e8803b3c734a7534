//! The table of clients.

mod change_log;
mod record;
mod slab;

pub use record::{Record, Source};

use std::ops::Range;

use hashbrown::HashTable;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::bug::{Bug, is_planted};
use crate::message::{At, ClientId, Update};
use change_log::{ChangeLog, RecordId};
use slab::Slab;

/// The latest update of each client, removed ones too, and the order in which this node learned them.
#[derive(Debug)]
pub struct Table {
    records: Slab<Record>,
    /// From client id to record.
    index: HashTable<Slot>,
    /// Keyed by a secret seed, so that clients cannot choose ids that collide. Nothing depends on the
    /// order of the index.
    hasher: ahash::RandomState,
    log: ChangeLog,
    sum: u128,
    /// How many clients are removed, and how many have reported again since.
    removed: usize,
    back: usize,
}

/// Holds the hash as well, so that neither a growing index nor a look that fails has to read records.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    record: RecordId,
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the latest of its client: stored, and in the log.
    Fresh,
    /// A later one is known, or the same one: nothing changed.
    Stale,
}

impl Table {
    /// An empty table, whose hashes are keyed by `hash_seed`.
    pub fn new(hash_seed: u64) -> Table {
        let [a, b, c, d] = [0, 1, 2, 3].map(|key: u8| xxh3_64_with_seed(&[key], hash_seed));
        Table {
            records: Slab::default(),
            index: HashTable::new(),
            hasher: ahash::RandomState::with_seeds(a, b, c, d),
            log: ChangeLog::default(),
            sum: 0,
            removed: 0,
            back: 0,
        }
    }

    /// The one way in: stores the update if it wins over what is known of its client.
    pub fn apply_update(&mut self, update: &Update<'_>, source: Source) -> Outcome {
        self.apply_update_as(update, source, self.log.head() + 1)
    }

    /// The same for an update that has a sequence already, which is later than all others: one from a journal.
    pub(super) fn apply_update_as(&mut self, update: &Update<'_>, source: Source, sequence: u64) -> Outcome {
        let hash = self.hash(update.client);
        let known = self.find(update.client, hash);
        self.store_update(known, hash, update, source, sequence)
    }

    /// The same for a report of a client of this node: it comes after all removals that are known here.
    pub(super) fn apply_report(&mut self, at: At<'_>) -> Outcome {
        let hash = self.hash(at.iamat.client);
        let sequence = self.log.head() + 1;
        let known = self.find(at.iamat.client, hash);
        let removals = known.map_or(0, |known| self.records.get(known).removals());
        if removals == 0 || is_planted(Bug::RemovalForgotten) {
            return self.store_update(known, hash, &at.into(), Source::Client, sequence);
        }
        let mut line = Vec::new();
        Update::write_report_after(&mut line, removals, at.line);
        let update = Update { line: &line, removals, ..at.into() };
        self.store_update(known, hash, &update, Source::Client, sequence)
    }

    fn store_update(
        &mut self,
        known: Option<RecordId>,
        hash: u32,
        update: &Update<'_>,
        source: Source,
        sequence: u64,
    ) -> Outcome {
        let record = match known {
            Some(known) => {
                let record = self.records.get_mut(known);
                if !record.loses_to(update) {
                    return Outcome::Stale;
                }
                self.sum = self.sum.wrapping_sub(digest(record.line()));
                self.removed -= usize::from(record.is_removal());
                self.back -= usize::from(record.was_removed() && !record.is_removal());
                record.replace(update, source);
                known
            }
            None => {
                let record = self.records.push(Record::new(update, source));
                self.index.insert_unique(spread(hash), Slot { hash, record }, |slot| spread(slot.hash));
                record
            }
        };
        self.sum = self.sum.wrapping_add(digest(update.line));
        self.removed += usize::from(update.report.is_none());
        self.back += usize::from(update.report.is_some() && update.removals > 0);
        self.log.note_change(record, sequence);
        Outcome::Fresh
    }

    /// What is known of a client: nothing, if it is removed.
    pub fn get(&self, client: ClientId<'_>) -> Option<&Record> {
        self.get_even_removed(client).filter(|record| !record.is_removal())
    }

    /// The same, or its removal.
    pub fn get_even_removed(&self, client: ClientId<'_>) -> Option<&Record> {
        self.find(client, self.hash(client)).map(|record| self.records.get(record))
    }

    /// What is known of a client that is not removed, with the sequence in which this node learned it.
    pub fn get_with_sequence(&self, client: ClientId<'_>) -> Option<(u64, &Record)> {
        self.latest(client).filter(|(_, record)| !record.is_removal())
    }

    /// The sequence of a client's removal, if it is removed.
    pub(super) fn removal_of(&self, client: ClientId<'_>) -> Option<u64> {
        self.latest(client).filter(|(_, record)| record.is_removal()).map(|(sequence, _)| sequence)
    }

    fn latest(&self, client: ClientId<'_>) -> Option<(u64, &Record)> {
        let record = self.find(client, self.hash(client))?;
        Some((self.log.latest(record), self.records.get(record)))
    }

    /// How many clients are known. Removed ones are not.
    pub fn len(&self) -> usize {
        self.all() - self.removed
    }

    /// Whether no client is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records there are: of known clients, and of removed ones.
    pub fn all(&self) -> usize {
        self.index.len()
    }

    /// How many clients have been removed, whether they have reported again or not.
    pub fn ever_removed(&self) -> usize {
        self.removed + self.back
    }

    /// The sequence of the last change; 0 before the first.
    pub fn head(&self) -> u64 {
        self.log.head()
    }

    /// The sum of the 128-bit digests of all lines: equal at nodes that know the same, whatever the order in which
    /// they learned it.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// Every record that changed after `sequence`, in the order of the changes, with the sequence in which this
    /// node learned it.
    pub fn changes_after(&self, sequence: u64) -> impl Iterator<Item = (u64, &Record)> {
        self.log.after(sequence).map(|(sequence, record)| (sequence, self.records.get(record)))
    }

    /// Some of the records, by their numbers from 0 to [`all`](Self::all), with the sequences in which this node learned them.
    pub(super) fn records(&self, numbers: Range<u32>) -> impl Iterator<Item = (u64, &Record)> {
        numbers.map(|record| (self.log.latest(record), self.records.get(record)))
    }

    /// How many records have changed after `sequence`, at most: cheap, and never more than there are.
    pub(super) fn backlog(&self, sequence: u64) -> usize {
        self.log.entries_after(sequence).min(self.all())
    }

    fn hash(&self, client: ClientId<'_>) -> u32 {
        self.hasher.hash_one(client.as_bytes()) as u32
    }

    fn find(&self, client: ClientId<'_>, hash: u32) -> Option<RecordId> {
        let id = client.as_bytes();
        let same = |slot: &Slot| slot.hash == hash && self.records.get(slot.record).client() == id;
        self.index.find(spread(hash), same).map(|slot| slot.record)
    }
}

/// The same at every node, and cheap. Whoever makes lines collide on purpose hides them from
/// [`Table::sum`] only.
fn digest(line: &[u8]) -> u128 {
    xxh3_128(line)
}

/// The index looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
