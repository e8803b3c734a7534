//! The sums that nodes of different regions compare, over the same buckets of clients as those of a
//! bulk sync.

use std::collections::BTreeSet;

use super::Node;
use super::link::bucket_sums::{BUCKETS, Sums};
use crate::message::Update;

/// Some of the buckets of clients.
pub type Buckets = BTreeSet<usize>;

/// The sums of all buckets of clients, over the part of a table that was read so far. What was
/// received lately is left out, since it may be on its way between the regions.
#[derive(Debug)]
pub struct RegionSums {
    sums: Sums,
    before: u64,
}

impl RegionSums {
    /// Begins to read the table of a node. Only updates of windows before `before` count. Two nodes
    /// compare sums with the same `seed` and `before`.
    pub fn begin(node: &Node, seed: u64, before: u64) -> RegionSums {
        RegionSums { sums: Sums::begin(&node.table, seed), before }
    }

    /// Reads another piece of the table, which takes less than a millisecond. Returns whether it
    /// was the last one.
    pub fn add_piece(&mut self, node: &Node) -> bool {
        let RegionSums { sums, before } = self;
        let shards = node.table.shards();
        sums.add_piece(&node.table, |_, _, record, line| {
            // A removal has no window, and is rare.
            let report = Update::parse(line).and_then(|update| update.report);
            shards.holds(record.client()) && report.is_none_or(|at| at.window() < *before)
        })
    }

    /// Returns the sums as bytes, eight for each bucket.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.sums.buckets().iter().flat_map(|sum| sum.to_le_bytes()).collect()
    }

    /// Returns the buckets that differ from another node's sums; `None` if these are not the bytes
    /// of sums.
    pub fn differences(&self, theirs: &[u8]) -> Option<Buckets> {
        let (theirs, []) = theirs.as_chunks() else { return None };
        if theirs.len() != BUCKETS {
            return None;
        }
        let pairs = self.sums.buckets().iter().zip(theirs).enumerate();
        let differ = |(bucket, (ours, theirs)): (usize, (&u64, &[u8; 8]))| {
            (*ours != u64::from_le_bytes(*theirs)).then_some(bucket)
        };
        Some(pairs.filter_map(differ).collect())
    }
}
