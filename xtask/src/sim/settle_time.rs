//! The longest time that a simulated herd may need to settle after its last fault. It follows from
//! the plan of the run.
//!
//! A fixed time would be too short for a line of many nodes with small windows. For a small herd on
//! fast connections it would hide a node that waits without a reason.

use std::time::Duration;

use herd::backbone::{ATTEMPTS, pace};
use herd::node::Limits;

use super::plan::Plan;
use super::world::TRIP;

/// The bytes of the line with the sums of all groups, which starts a bulk sync: 256 sums of 16
/// digits, and the seed.
const SUMS: usize = 256 * 16 + 32;

/// The bytes of the answer to that line: 256 bits in hexadecimal.
const ANSWER: usize = 256 / 4 + 16;

/// The bytes of an update, with the skew that the node has added.
const UPDATE: usize = 128;

/// The bytes of the marks and the heartbeat that may be sent before the updates.
const MARKS: usize = 256;

/// The number of messages of a handshake that follow each other: the connection, the hello, the
/// cursor.
const HANDSHAKE: usize = 3;

/// The number of disk operations that a node may wait for before it passes an update on: the one in
/// progress, that of a snapshot, and its own write and sync.
const DISK_OPERATIONS: u32 = 4;

impl Plan {
    /// The time after the last fault within which all nodes must agree.
    ///
    /// First all links come up again. A node that dialled just before the fault ended gives up
    /// after [`link_silence`](Limits::link_silence), then waits for at most
    /// [`redial_longest`](Limits::redial_longest).
    ///
    /// Then missing updates pass over at most as many links as the graph's diameter. If the plan
    /// causes bulk syncs, each link first carries sums. A node takes part in one bulk sync at a
    /// time, so a neighbour may have to wait until all other neighbours have sent what differs.
    /// Bytes that do not fit into the window wait: each window of bytes takes a whole trip.
    pub(super) fn time_to_settle(&self, limits: &Limits, disk: Duration) -> Duration {
        let trip = self.latency + self.jitter;
        let trips = |bytes: usize| trip * bytes.div_ceil(self.window) as u32;
        let clients = self.clients();
        let has_bulk_sync = clients > self.bulk_sync;
        let (sums, answer) = if has_bulk_sync { (trips(SUMS), trips(ANSWER)) } else { Default::default() };
        let turn = answer + trips(clients * UPDATE + MARKS) + disk * DISK_OPERATIONS;
        let links = limits.link_silence + limits.redial_longest + trip * HANDSHAKE as u32;
        let nodes = self.largest_region();
        let degree = self.graph.largest_degree(nodes) as u32;
        let diameter = self.graph.diameter(nodes) as u32;
        links + (sums + turn * degree) * diameter + self.time_to_forget(limits) + self.time_of_backbone()
    }

    /// The time after the last fault within which what a region lacks is published again and read.
    ///
    /// The nodes that publish and read notice that the servers did not answer, pause, and begin
    /// again. At each hole, a reader begins to read again a few times. It may then have asked just
    /// before the other region could answer, so it asks again. What it gets passes over links. A
    /// node that holds only some shards may ask first in vain, read all after that, and then ask
    /// one node after the other, of which each may first have to do the same.
    fn time_of_backbone(&self) -> Duration {
        if self.regions == 1 {
            return Duration::ZERO;
        }
        let notices = pace::PATIENCE * 2 + pace::LONGEST_PAUSE + pace::PAUSE;
        let holes = self.backbone.len() as u32 * (ATTEMPTS + 1) * (pace::PAUSE + TRIP);
        let asks = pace::ASK + pace::PATIENCE;
        let messages = TRIP * self.ops.len() as u32;
        let rounds = if self.shards > 1 { 4 } else { 1 };
        notices + (holes + asks + messages) * rounds
    }

    /// The number of clients that the plan's lines name.
    fn clients(&self) -> usize {
        let mut clients: Vec<&str> = self.ops.iter().filter_map(|op| op.line.split(' ').nth(1)).collect();
        clients.sort_unstable();
        clients.dedup();
        clients.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_may_take_longer_than_a_fast_ring() {
        let limits = Limits::default();
        let settles = |plan: &Plan| plan.time_to_settle(&limits, Duration::from_millis(5));
        // Sums pass through windows of 257 bytes at 14 to 21 ms, over 24 links.
        let slow = Plan::of_seed(377, 25, None);
        assert!(settles(&slow) > Duration::from_secs(8), "{:?}", settles(&slow));
        let fast =
            Plan { latency: Duration::from_micros(50), jitter: Duration::ZERO, window: 128 * 1024, ..slow };
        let fast = Plan { nodes: 5, graph: crate::cluster::graphs::Graph::Ring, ..fast };
        let links = limits.link_silence + limits.redial_longest;
        assert!(settles(&fast) < links + Duration::from_millis(100), "{:?}", settles(&fast));
    }
}
