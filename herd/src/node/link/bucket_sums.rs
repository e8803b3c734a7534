//! What two nodes compare before one tells the other much: sums over buckets of clients.
//!
//! Clients fall into 256 groups of 256 buckets each, the same at every node. A bucket's sum is that of the hashes of its updates' lines,
//! with a seed that is another one for each comparison, so that nobody can choose lines whose sums are equal.
//!
//! A node goes over its table in pieces, and updates come meanwhile, so a sum need not be that of any one moment. Yet what two
//! equal sums tell is right: there was a moment for each record that the one counted at which the other knew it, and what a node
//! knows it does not forget but for something later. (Two different sets of lines have equal sums once in 2^64. Heartbeats
//! would show that the two differ, and the next comparison has another seed.)

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::node::table::{Record, Table};

/// Groups of buckets, and buckets in each.
pub(in crate::node) const GROUPS: usize = 256;

/// All buckets.
pub(super) const BUCKETS: usize = GROUPS * GROUPS;

/// Records that are counted before somebody else gets his turn: less than a millisecond of work.
const PIECE: u32 = 4096;

/// Which of 256 things differ, a bit each, that of the first one lowest.
pub(super) type Differences = [u64; GROUPS / 64];

/// The bucket of a record's client. Its group is the higher byte.
pub(super) fn bucket(record: &Record) -> usize {
    bucket_of(record.client())
}

/// The bucket of a client.
pub(in crate::node) fn bucket_of(client: &[u8]) -> usize {
    xxh3_64(client) as usize % BUCKETS
}

/// What hashes are made with: another number for other `circumstances`, that nobody can guess who does not know the secret.
pub(super) fn seed(secret: u64, circumstances: [u64; 3]) -> u64 {
    circumstances.into_iter().fold(secret, |seed, number| xxh3_64_with_seed(&number.to_le_bytes(), seed))
}

/// The sums of all buckets, as far as the table has been gone over.
#[derive(Debug)]
pub(super) struct Sums {
    seed: u64,
    /// Which record is next, and which is the first that came too late.
    next: u32,
    end: u32,
    buckets: Vec<u64>,
}

impl Sums {
    /// Begins to go over a table.
    pub(super) fn begin(table: &Table, seed: u64) -> Sums {
        Sums { seed, next: 0, end: table.all() as u32, buckets: vec![0; BUCKETS] }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Goes over another piece of the table, and calls `counted` with each record of it, its bucket and its sequence.
    /// Returns whether that was the last one.
    pub(super) fn add_piece(&mut self, table: &Table, mut counted: impl FnMut(usize, u64, &Record)) -> bool {
        let until = self.end.min(self.next + PIECE);
        for (sequence, record) in table.records(self.next..until) {
            let bucket = bucket(record);
            let hash = xxh3_64_with_seed(record.line(), self.seed);
            self.buckets[bucket] = self.buckets[bucket].wrapping_add(hash);
            counted(bucket, sequence, record);
        }
        self.next = until;
        until == self.end
    }

    /// The sums of the groups.
    pub(super) fn groups(&self) -> [u64; GROUPS] {
        let sum = |sum: u64, bucket: &u64| sum.wrapping_add(*bucket);
        std::array::from_fn(|group| self.group(group).iter().fold(0, sum))
    }

    /// The sums of the buckets of a group.
    pub(super) fn group(&self, group: usize) -> &[u64] {
        &self.buckets[group * GROUPS..][..GROUPS]
    }
}

/// Which of some sums are not those of another.
pub(super) fn differences(ours: &[u64], theirs: impl Iterator<Item = u64>) -> Differences {
    let mut differ = Differences::default();
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        differ[index / 64] |= u64::from(*ours != theirs) << (index % 64);
    }
    differ
}

/// The indices of what differs.
pub(super) fn indices(differ: Differences) -> impl Iterator<Item = usize> {
    (0..GROUPS).filter(move |index| differ[index / 64] >> (index % 64) & 1 == 1)
}
