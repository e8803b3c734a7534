//! How long a simulated herd may take to settle after its last fault: what its own plan explains, and no more.
//!
//! A fixed time would be too short for a line of many nodes whose connections carry a few hundred bytes at a time,
//! and so long for a small herd on fast connections that a node which waits for no reason would pass.

use std::time::Duration;

use herd::node::Limits;

use super::plan::Plan;

/// The line with the sums of all groups, which begins a bulk sync: 256 words of 16 digits, and the seed.
const SUMS: usize = 256 * 16 + 32;

/// The answer to that line: 256 bits in hexadecimal.
const ANSWER: usize = 256 / 4 + 16;

/// An update, with the time that the node has added.
const UPDATE: usize = 128;

/// Marks and a heartbeat that may be written before the updates.
const MARKS: usize = 256;

/// The number of messages in a handshake on a path: the connection, the hello, the cursor.
const HANDSHAKE: usize = 3;

/// The number of disk operations that a node may have to wait for before it passes on what it learned: the one under
/// way, a snapshot's, a write and a sync of its own.
const DISK_OPERATIONS: u32 = 4;

impl Plan {
    /// How long after the last fault all nodes must know the same, at most.
    ///
    /// First all links come back. A node that dialled just before a connection was possible again gives up after
    /// [`link_silence`](Limits::link_silence), then waits for at most [`redial_longest`](Limits::redial_longest).
    ///
    /// Then what nodes lack passes over at most as many links as the graph's diameter. If the plan asks for bulk syncs,
    /// each link first carries sums. A node takes part in one bulk sync at a time, so at each node a neighbour may have
    /// to wait until all others have said what differs. A window holds up all that is longer than itself: each window's
    /// worth of bytes is under way for a whole trip.
    pub(super) fn settles(&self, limits: &Limits, disk: Duration) -> Duration {
        let trip = self.latency + self.jitter;
        let trips = |bytes: usize| trip * bytes.div_ceil(self.window) as u32;
        let clients = self.clients();
        let says_sums = clients > self.bulk_sync;
        let (sums, answer) = if says_sums { (trips(SUMS), trips(ANSWER)) } else { Default::default() };
        let turn = answer + trips(clients * UPDATE + MARKS) + disk * DISK_OPERATIONS;
        let links = limits.link_silence + limits.redial_longest + trip * HANDSHAKE as u32;
        let degree = self.graph.largest_degree(self.nodes) as u32;
        links + (sums + turn * degree) * self.graph.diameter(self.nodes) as u32
    }

    /// How many clients the plan's lines are about.
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
        let settles = |plan: &Plan| plan.settles(&limits, Duration::from_millis(5));
        // Sums through windows of 257 bytes at 14 to 21 ms, over 24 links.
        let slow = Plan::of_seed(377, 25, None);
        assert!(settles(&slow) > Duration::from_secs(8), "{:?}", settles(&slow));
        let fast =
            Plan { latency: Duration::from_micros(50), jitter: Duration::ZERO, window: 128 * 1024, ..slow };
        let fast = Plan { nodes: 5, graph: crate::cluster::graphs::Graph::Ring, ..fast };
        let links = limits.link_silence + limits.redial_longest;
        assert!(settles(&fast) < links + Duration::from_millis(100), "{:?}", settles(&fast));
    }
}
