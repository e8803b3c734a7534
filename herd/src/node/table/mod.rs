//! The table of clients: one record for each, and the order in which they changed.

mod backwards;
mod change_log;
mod digits;
mod forgetting;
mod index;
mod lookup;
mod names;
mod parting;
mod recent;
mod record;
mod records;
mod slab;
mod slot;
mod stamp;
mod texts;
mod windows;

pub use lookup::Place;
pub use recent::RecentLines;
pub use record::{Record, Source};
pub(super) use windows::WindowSum;

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::bug::{Bug, is_planted};
use crate::message::{At, OriginWindow, Update};
use crate::node::Shards;
use crate::node::origins::Growth;
use change_log::{ChangeLog, RecordId};
use forgetting::Forgetting;
use index::Index;
use records::Records;
use windows::Windows;

/// The latest update of each client, including removals, and the order in which this node learned
/// them.
///
/// # Examples
/// ```
/// use herd::message::{ClientId, Update};
/// use herd::node::{Outcome, Source, Table};
///
/// let mut table = Table::new(7);
/// let line = b"AT Alford +0.500000000 kiwi +34.068930-118.445127 1000000000.5";
/// let update = Update::parse(line).unwrap();
/// assert_eq!(table.apply_update(&update, Source::Client), Outcome::Fresh);
/// assert_eq!(table.apply_update(&update, Source::Client), Outcome::Stale);
/// let kiwi = ClientId::parse(b"kiwi").unwrap();
/// assert_eq!(table.get(kiwi).unwrap().line(), line);
/// ```
#[derive(Debug)]
pub struct Table {
    records: Records,
    index: Index,
    /// Hashes client ids with a secret seed, so that clients cannot choose ids whose hashes
    /// collide. Nothing depends on the order of the index.
    hasher: ahash::RandomState,
    log: ChangeLog,
    recent: RecentLines,
    windows: Windows,
    growth: Growth,
    forgetting: Forgetting,
    /// The shards that this node holds.
    shards: Shards,
    /// The number of records of other shards.
    elsewhere: usize,
    sum: u128,
    /// The number of removed clients, and of those that have reported again.
    removed: usize,
    back: usize,
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It won: the table has stored it, and the change log has an entry for it.
    Fresh,
    /// It lost to the client's record, or is the same update. Nothing has changed.
    Stale,
}

impl Table {
    /// Returns an empty table whose hashes use the secret `hash_seed`.
    pub fn new(hash_seed: u64) -> Table {
        let [a, b, c, d] = [0, 1, 2, 3].map(|key: u8| xxh3_64_with_seed(&[key], hash_seed));
        let hasher = ahash::RandomState::with_seeds(a, b, c, d);
        Table {
            records: Records::new(hasher.clone()),
            index: Index::default(),
            hasher,
            log: ChangeLog::default(),
            recent: RecentLines::default(),
            windows: Windows::new(),
            growth: Growth::default(),
            forgetting: Forgetting::default(),
            shards: Shards::default(),
            elsewhere: 0,
            sum: 0,
            removed: 0,
            back: 0,
        }
    }

    /// Stores an update if it wins over the client's record. Every update comes in this way.
    pub fn apply_update(&mut self, update: &Update<'_>, source: Source) -> Outcome {
        self.apply_update_at(self.locate(update.client), update, source)
    }

    /// Stores an update of the client at `place`, if it wins over the client's record.
    pub(super) fn apply_update_at(&mut self, place: Place, update: &Update<'_>, source: Source) -> Outcome {
        let known = self.find(update.client, place);
        self.store_update(known, place.hash, update, source, self.log.head() + 1)
    }

    /// Stores an update of the client at `place` that already has a sequence, because it comes from
    /// a journal. The sequence must be later than all others.
    pub(super) fn apply_update_as(&mut self, place: Place, update: &Update<'_>, sequence: u64) -> Outcome {
        let known = self.find(update.client, place);
        self.store_update(known, place.hash, update, Source::Journal, sequence)
    }

    /// Stores a report of a client of this node, which is at `place`. It counts as later than all
    /// removals that this node knows.
    pub(super) fn apply_report(&mut self, at: At<'_>, place: Place) -> Outcome {
        let sequence = self.log.head() + 1;
        let hash = place.hash;
        let known = self.find(at.iamat.client, place);
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
        hash: u64,
        update: &Update<'_>,
        source: Source,
        sequence: u64,
    ) -> Outcome {
        let mut line = Vec::new();
        let Some(update) = &self.left_of(update, &mut line) else { return Outcome::Stale };
        let known =
            if self.is_forgetting() { known.and_then(|known| self.drop_if_forgotten(known)) } else { known };
        let record = match known {
            Some(known) => {
                if !self.records.get(known).loses_to(update) {
                    return Outcome::Stale;
                }
                self.uncount(known);
                self.records.replace(known, update, source);
                known
            }
            None => {
                let record = self.records.push(update, source);
                let hash_of = |record| self.hasher.hash_one(self.records.get(record).client());
                self.index.insert(hash, record, &self.records, hash_of);
                record
            }
        };
        let digest = digest(update.line);
        self.count(update, digest);
        self.log.note_change(record, sequence);
        self.recent.note(sequence, update.line);
        let origin = self.records.get(record).origin();
        self.growth.note(origin, source);
        let window = update.report.map(|at| at.window());
        window.into_iter().for_each(|window| self.forgetting.note(record, window));
        match (origin, window) {
            _ if source == Source::Journal => self.windows.forget_up_to(sequence),
            (Some(origin), Some(window)) => self.windows.note(origin, window, digest, sequence),
            // These are sent over every link.
            _ => {}
        }
        Outcome::Fresh
    }

    /// Counts an update that becomes a record; `digest` is the one of its line.
    fn count(&mut self, update: &Update<'_>, digest: u128) {
        match self.shards.holds(update.client.as_bytes()) {
            true => self.sum = self.sum.wrapping_add(digest),
            false => self.elsewhere += 1,
        }
        self.removed += usize::from(update.report.is_none());
        self.back += usize::from(update.report.is_some() && update.removals > 0);
    }

    /// Reverses [`count`](Self::count) for a record that is dropped or replaced.
    fn uncount(&mut self, record: RecordId) {
        let record = self.records.get(record);
        match self.shards.holds(record.client()) {
            true => self.sum = self.sum.wrapping_sub(record.with_line(digest)),
            false => self.elsewhere -= 1,
        }
        self.removed -= usize::from(record.is_removal());
        self.back -= usize::from(record.was_removed() && !record.is_removal());
    }

    /// Returns the number of clients that are known, without removed ones.
    pub fn len(&self) -> usize {
        self.all() - self.removed
    }

    /// Returns whether no client is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of records, including those of removed clients.
    pub fn all(&self) -> usize {
        self.records.len()
    }

    /// Returns how many clients have been removed, whether they have reported again or not.
    pub fn ever_removed(&self) -> usize {
        self.removed + self.back
    }

    /// Returns the sequence of the last change; 0 before the first.
    pub fn head(&self) -> u64 {
        self.log.head()
    }

    /// Returns the sum of the 128-bit digests of the lines of all clients whose shards are held. It
    /// is equal at nodes with the same records, whatever the order in which they learned them.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// Returns each record that changed after `sequence`, with the sequence of its latest change,
    /// in that order.
    pub fn changes_after(&self, sequence: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        self.log.after(sequence).map(|(sequence, record)| (sequence, self.records.get(record)))
    }

    /// Keeps the lines of changes from here on, up to about `most` bytes, for a reader that
    /// [takes](Self::take_recent) them.
    pub fn keep_recent(&mut self, most: usize) {
        self.recent.keep(most, self.log.head());
    }

    /// Moves the lines of all changes after `sequence` to `out`, whose own lines are dropped.
    /// Returns `false`, and moves nothing, if not all of them are kept. The changes can be
    /// [read](Self::changes_after) then.
    pub fn take_recent(&mut self, sequence: u64, out: &mut RecentLines) -> bool {
        self.recent.take(sequence, out)
    }

    /// Returns the sums of what was learned lately.
    pub(super) fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Returns the same, to note what neighbours have said of it.
    pub(super) fn windows_mut(&mut self) -> &mut Windows {
        &mut self.windows
    }

    /// Returns a window with a neighbour's sum. Returns `None` if no record has had the origin.
    pub(super) fn window_sum(&self, window: OriginWindow<'_>, sum: u64) -> Option<WindowSum> {
        let origin = self.origin(window.origin.as_bytes())?;
        Some(WindowSum { origin, number: window.number, sum })
    }

    /// Returns the number of an origin: the node whose name is in AT lines, because it received the
    /// reports from clients. Returns `None` if no record has had that name.
    pub(super) fn origin(&self, name: &[u8]) -> Option<u16> {
        self.records.servers().find(name)
    }

    /// Returns the name of an origin.
    pub(super) fn origin_name(&self, origin: u16) -> &str {
        // Names of nodes are ASCII.
        std::str::from_utf8(self.records.servers().get(origin)).unwrap_or_default()
    }

    /// Returns what has been learned since [`reset_growth`](Self::reset_growth).
    pub(super) fn growth(&self) -> &Growth {
        &self.growth
    }

    /// Forgets what [`growth`](Self::growth) returns.
    pub(super) fn reset_growth(&mut self) {
        self.growth = Growth::default();
    }

    /// Returns the records with these numbers that exist, each with its number and its sequence. A
    /// record keeps its number. The number of a record that was dropped is used again.
    pub fn records(&self, numbers: Range<u32>) -> impl Iterator<Item = (u32, u64, Record<'_>)> {
        let records = numbers.filter(|record| self.log.has(*record));
        records.map(|record| (record, self.log.latest(record), self.records.get(record)))
    }

    /// Returns a number that is greater than those of all records.
    pub fn end_of_records(&self) -> u32 {
        self.log.end()
    }

    /// Returns an upper bound of the number of records that changed after `sequence`, without
    /// reading them.
    pub(super) fn backlog(&self, sequence: u64) -> usize {
        self.log.entries_after(sequence).min(self.all())
    }
}

/// Returns the digest of a line, which must be the same at every node. It is not cryptographic:
/// lines that are made to collide can hide a difference from [`Table::sum`], and do nothing else.
fn digest(line: &[u8]) -> u128 {
    xxh3_128(line)
}
