//! The table of clients and its change log.

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::neighbours::NeighbourId;
use crate::message::{At, ClientId, Skew, Time};

/// The latest update of each client, and the order in which this node learned them.
///
/// The change log is compacting: it has one entry a client, that of its latest update, under the sequence in
/// which this node learned it. So it is never longer than the table, and reading it from any sequence on
/// yields exactly what has changed since.
#[derive(Debug, Default)]
pub struct Table {
    records: Vec<Record>,
    /// Client id to index in `records`. The hash is keyed at random, so that nobody can choose ids that
    /// collide; nothing depends on its order.
    index: HashTable<u32>,
    hasher: RandomState,
    /// In the order of sequences. An entry whose record has moved on is stale, and skipped.
    log: Vec<LogEntry>,
    head: u64,
}

/// What is known of one client.
#[derive(Debug)]
pub struct Record {
    line: Box<[u8]>,
    /// Where the client id stands in `line`.
    client: (u16, u16),
    time: Time,
    skew: Skew,
    sequence: u64,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
struct LogEntry {
    sequence: u64,
    record: u32,
}

/// Where an update came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client of this node.
    Client,
    /// A neighbour, in one life of its table: the next life does not know what this one said.
    Neighbour(NeighbourId, u32),
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the latest of its client: stored, and in the log.
    Fresh,
    /// A later one is known, or the same one: nothing changed.
    Stale,
}

/// Stale entries that the log may hold before it is worth compacting.
const SLACK: usize = 1024;

impl Table {
    /// The one way in: stores the update if it wins over what is known of its client.
    pub fn apply(&mut self, at: &At<'_>, source: Source) -> Outcome {
        match self.find(at.iamat.client) {
            Some(known) if !wins(at, &self.records[known as usize]) => return Outcome::Stale,
            Some(known) => self.replace(known, at, source),
            None => self.insert(at, source),
        }
        Outcome::Fresh
    }

    /// What is known of a client.
    pub fn get(&self, client: ClientId<'_>) -> Option<&Record> {
        self.find(client).map(|record| &self.records[record as usize])
    }

    /// How many clients are known.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no client is known.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The sequence of the last change; 0 before the first.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Every record that changed after `sequence`, in the order of the changes.
    pub fn changes_after(&self, sequence: u64) -> impl Iterator<Item = &Record> {
        let start = self.log.partition_point(|entry| entry.sequence <= sequence);
        self.log[start..]
            .iter()
            .map(|entry| (entry, &self.records[entry.record as usize]))
            .filter_map(|(entry, record)| (record.sequence == entry.sequence).then_some(record))
    }

    fn find(&self, client: ClientId<'_>) -> Option<u32> {
        let id = client.as_bytes();
        let same = |&record: &u32| self.records[record as usize].client() == id;
        self.index.find(self.hasher.hash_one(id), same).copied()
    }

    fn insert(&mut self, at: &At<'_>, source: Source) {
        let record = u32::try_from(self.records.len()).expect("memory ends before four billion clients");
        let sequence = self.log_change(record);
        self.records.push(Record {
            line: at.line.into(),
            client: client_range(at),
            time: at.iamat.stamp.time(),
            skew: at.skew,
            sequence,
            source,
        });
        let Table { records, index, hasher, .. } = self;
        let hash = |record: &u32| hasher.hash_one(records[*record as usize].client());
        index.insert_unique(hash(&record), record, hash);
    }

    fn replace(&mut self, index: u32, at: &At<'_>, source: Source) {
        let sequence = self.log_change(index);
        let record = &mut self.records[index as usize];
        // Reports of one client are mostly of the same length: then nothing is allocated.
        if record.line.len() == at.line.len() {
            record.line.copy_from_slice(at.line);
        } else {
            record.line = at.line.into();
        }
        record.client = client_range(at);
        record.time = at.iamat.stamp.time();
        record.skew = at.skew;
        record.sequence = sequence;
        record.source = source;
        if self.log.len() > 2 * self.records.len() + SLACK {
            let records = &self.records;
            self.log.retain(|entry| records[entry.record as usize].sequence == entry.sequence);
        }
    }

    fn log_change(&mut self, record: u32) -> u64 {
        self.head += 1;
        self.log.push(LogEntry { sequence: self.head, record });
        self.head
    }
}

impl Record {
    /// The AT line without its line end: the same bytes at every node.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The sequence in which this node learned it.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Where it came from.
    pub fn source(&self) -> Source {
        self.source
    }

    fn client(&self) -> &[u8] {
        let (start, end) = self.client;
        &self.line[usize::from(start)..usize::from(end)]
    }
}

/// The latest time wins; of equal times the one received first, that is with the smaller skew; then the
/// smaller line. A total order, so that every node settles on the same update, in whatever order they come.
fn wins(new: &At<'_>, known: &Record) -> bool {
    let order = new.iamat.stamp.time().cmp(&known.time);
    let order = order.then_with(|| known.skew.cmp(&new.skew));
    order.then_with(|| known.line.as_ref().cmp(new.line)) == Ordering::Greater
}

/// Where the client id stands in an AT line: the fields before it end with the third space.
fn client_range(at: &At<'_>) -> (u16, u16) {
    let start = memchr::memchr_iter(b' ', at.line).nth(2).expect("an AT line has six fields") + 1;
    (start as u16, (start + at.iamat.client.as_bytes().len()) as u16)
}
