//! What happens on a link.

use crate::node::clock::ClockDifference;
use crate::node::neighbours::NeighbourId;
use crate::node::table::Outcome;

/// What happened on a link that a log wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The link is complete, and the one that counts.
    Up {
        /// With whom.
        neighbour: NeighbourId,
        /// The sequence after which this node's log is read for it.
        from: u64,
    },
    /// The neighbour has said all it knew.
    Synced,
    /// A bulk sync of the neighbour's is over: another one may have its turn.
    BulkOver,
    /// An update, and what it did.
    Update(Outcome),
    /// The neighbour's wall clock now differs too much from this node's.
    ClocksDiffer(ClockDifference),
    /// It differed too much, and no longer does.
    ClocksAgree(ClockDifference),
    /// An update whose fields this node does not accept. It is skipped: closing the link would only have it
    /// sent again.
    Unacceptable,
}
