//! The events of a link.

use std::time::Duration;

use crate::node::clock::ClockDifference;
use crate::node::neighbours::NeighbourId;
use crate::node::table::Outcome;

/// An event of a link that is worth logging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The link is complete, and it is the one that counts.
    Up {
        /// The other node.
        neighbour: NeighbourId,
        /// The sequence after which this node's log is sent.
        from: u64,
    },
    /// The neighbour has sent everything that it knew.
    Synced,
    /// A bulk sync from the neighbour is complete, so another neighbour's may begin.
    BulkOver,
    /// The neighbour sent an update.
    Update {
        /// Whether it was news.
        outcome: Outcome,
        /// The time since the report arrived at its node of origin, by the clocks of both nodes;
        /// `None` for a removal.
        age: Option<Duration>,
    },
    /// The neighbour has sent updates that this node lacked, and that another neighbour should have
    /// sent.
    Repaired,
    /// The neighbour's wall clock now differs too much from this node's.
    ClocksDiffer(ClockDifference),
    /// The neighbour's wall clock differed too much, and no longer does.
    ClocksAgree(ClockDifference),
    /// The neighbour sent an update whose fields this node does not accept. It is skipped, because
    /// the next link would only bring it again.
    Unacceptable,
}
