//! The sums that two nodes compare in a bulk sync, over buckets of clients.
//!
//! Clients fall into 256 groups of 256 buckets each, the same at every node. The sum of a bucket is
//! the sum of the hashes of its updates' lines. Each comparison has a different seed, so nobody can
//! choose lines whose sums are equal.
//!
//! A node reads its table in pieces, and updates arrive between them, so a sum need not match the
//! table at any one moment. Equal sums are still conclusive: for each record that the one node
//! counted, there was a moment at which the other node had it, and a record is only ever replaced
//! by a later one. (Two different sets of lines have equal sums once in 2^64. Heartbeats then show
//! that the nodes differ, and the next comparison has another seed.)

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::node::table::{Record, Table};

/// The number of groups, and of buckets in each group.
pub(in crate::node) const GROUPS: usize = 256;

/// The number of all buckets.
pub(in crate::node) const BUCKETS: usize = GROUPS * GROUPS;

/// The number of records to hash before yielding: less than a millisecond of work.
const PIECE: u32 = 4096;

/// Which of 256 sums differ: one bit each, the first one lowest.
pub(super) type Differences = [u64; GROUPS / 64];

/// Returns the bucket of a record's client. The higher byte is the group.
pub(super) fn bucket(record: Record<'_>) -> usize {
    bucket_of(record.client())
}

/// Returns the bucket of a client.
pub(in crate::node) fn bucket_of(client: &[u8]) -> usize {
    xxh3_64(client) as usize % BUCKETS
}

/// Returns the seed of a comparison. Other `circumstances` give another seed, which cannot be
/// guessed without the `secret`.
pub(super) fn seed(secret: u64, circumstances: [u64; 3]) -> u64 {
    circumstances.into_iter().fold(secret, |seed, number| xxh3_64_with_seed(&number.to_le_bytes(), seed))
}

/// The sums of all buckets over the part of the table that was read so far.
#[derive(Debug)]
pub(in crate::node) struct Sums {
    seed: u64,
    /// The next record to read, and the first one that was added too late.
    next: u32,
    end: u32,
    buckets: Vec<u64>,
}

impl Sums {
    /// Begins to read a table.
    pub(in crate::node) fn begin(table: &Table, seed: u64) -> Sums {
        Sums { seed, next: 0, end: table.end_of_records(), buckets: vec![0; BUCKETS] }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Reads another piece of the table, and calls `counts` with the bucket, sequence, content and
    /// line of each record in it. The record is part of the sum if `counts` returns `true`. Returns
    /// whether it was the last piece.
    pub(in crate::node) fn add_piece(
        &mut self,
        table: &Table,
        mut counts: impl FnMut(usize, u64, Record<'_>, &[u8]) -> bool,
    ) -> bool {
        let until = self.end.min(self.next + PIECE);
        let mut line = Vec::new();
        for (_, sequence, record) in table.records(self.next..until) {
            let bucket = bucket(record);
            line.clear();
            record.write_line(&mut line);
            if counts(bucket, sequence, record, &line) {
                let hash = xxh3_64_with_seed(&line, self.seed);
                self.buckets[bucket] = self.buckets[bucket].wrapping_add(hash);
            }
        }
        self.next = until;
        until == self.end
    }

    /// Returns the sums of all buckets.
    pub(in crate::node) fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// Returns the sums of the groups.
    pub(super) fn groups(&self) -> [u64; GROUPS] {
        let sum = |sum: u64, bucket: &u64| sum.wrapping_add(*bucket);
        std::array::from_fn(|group| self.group(group).iter().fold(0, sum))
    }

    /// Returns the sums of the buckets of a group.
    pub(super) fn group(&self, group: usize) -> &[u64] {
        &self.buckets[group * GROUPS..][..GROUPS]
    }
}

/// Compares sums one by one, and returns which of them differ.
pub(super) fn differences(ours: &[u64], theirs: impl Iterator<Item = u64>) -> Differences {
    let mut differ = Differences::default();
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        differ[index / 64] |= u64::from(*ours != theirs) << (index % 64);
    }
    differ
}

/// Returns the indices of the sums that differ.
pub(super) fn indices(differ: Differences) -> impl Iterator<Item = usize> {
    (0..GROUPS).filter(move |index| differ[index / 64] >> (index % 64) & 1 == 1)
}
