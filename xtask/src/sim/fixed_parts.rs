//! What the one who runs a simulation decides instead of its seed.

use std::time::Duration;

use crate::cluster::graphs::Graph;
use crate::oracle::Persistence;

/// The parts of a plan that are fixed instead of drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedParts {
    /// The number of regions; one if it is `None`.
    pub regions: Option<usize>,
    /// Whether each node holds only some shards of the clients.
    pub shards: bool,
    /// The graph of the herd.
    pub graph: Option<Graph>,
    /// The shortest time from the sending of a segment to its arrival.
    pub latency: Option<Duration>,
    /// Whether and when a node's records are on disk.
    pub durability: Option<Persistence>,
}
