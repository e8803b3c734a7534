//! What numbers of clients cost, pure: computed from measured figures and assumptions.

use std::time::Duration;

use super::measured::{MEASURED_READERS, Measured};
use super::placement::{Move, Placement, Shards};

/// What is assumed of clients, nodes and networks.
#[derive(Clone, Copy, Debug)]
pub struct Assumptions {
    /// The reports of a client a second.
    pub reports: f64,
    /// The number of regions. Each has an equal share of the clients, and keeps all of them.
    pub regions: u32,
    /// The memory of a node, in bytes.
    pub memory: f64,
    /// The processor cores of a node.
    pub cores: f64,
    /// The number of shards of a table that does not fit one node.
    pub shards: u32,
    /// The copies of a shard in each region.
    pub copies: u32,
    /// The bytes a second that the network of a node carries in each direction, and that of a
    /// region as well.
    pub network: f64,
    /// The seed of the placement.
    pub seed: u64,
}

/// The nodes of a herd that is not divided.
pub(super) const FULL_NODES: u32 = 5;

/// The nodes of such a herd that read the backbone.
pub(super) const READERS: u32 = 2;

/// The share of a node's memory, and of its cores, that is used. The rest is for peaks.
pub(super) const USABLE: f64 = 0.7;

/// The share of one core that the leader of one stream may use.
pub(super) const LEADER: f64 = 0.7;

/// The times that a line is stored.
const REPLICAS: f64 = 3.0;

/// The time until a lost node, or a lost region, is noticed.
pub(super) const NOTICED: Duration = Duration::from_secs(5);

/// The time for which the stream keeps what the table shows, in seconds: an hour.
const KEPT: f64 = 3_600.0;

/// The costs for a number of clients.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub(super) clients: u64,
    /// The updates of all clients a second.
    pub(super) updates: f64,
    /// The nodes of each region.
    pub(super) herd: Herd,
    /// The cores that the nodes of a region use together.
    pub(super) node_cores: f64,
    /// The cores that all servers use together.
    pub(super) server_cores: f64,
    /// The streams that the log must be divided into.
    pub(super) streams: u64,
    /// The bytes of the log of an hour, on all servers together.
    pub(super) log: f64,
    /// The bytes a second that nodes and servers send each other.
    pub(super) network: f64,
    /// What the loss of the fullest node, and of a whole region, costs.
    pub(super) node_lost: Recovery,
    pub(super) region_lost: Recovery,
}

/// The nodes of a region.
#[derive(Clone, Debug)]
pub(super) enum Herd {
    /// Each node keeps all clients.
    Full {
        /// The bytes of a node's table.
        bytes: f64,
    },
    /// Each node keeps some shards.
    Sharded {
        placement: Placement,
        nodes: usize,
        /// The bytes of a shard's table.
        bytes: f64,
    },
    /// One shard does not fit a node: the number of shards that would.
    TooLarge { shards: u64 },
}

/// What is done after a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Recovery {
    /// The bytes that are copied.
    pub(super) bytes: f64,
    /// The seconds until everything has all its copies again.
    pub(super) seconds: f64,
    /// The shards of the fullest node then.
    pub(super) fullest: usize,
}

/// Computes the costs for a number of clients.
pub(super) fn cost_of(clients: u64, measured: &Measured, assumed: &Assumptions) -> Cost {
    let updates = clients as f64 * assumed.reports;
    let herd = herd_of(clients as f64, updates, measured, assumed);
    let copies = match herd {
        Herd::Full { .. } => FULL_NODES,
        _ => assumed.copies,
    };
    // A few lines cost as much as a few thousand: servers wake up for each message.
    let server_cores = measured.light_cores.max(updates * measured.line_cpu);
    let (node_lost, region_lost) = recoveries(&herd, clients as f64, measured, assumed);
    Cost {
        clients,
        updates,
        node_cores: cores(updates, f64::from(copies), measured, assumed),
        server_cores,
        streams: (server_cores * measured.leader_share / LEADER).ceil().max(1.0) as u64,
        log: updates * measured.log_bytes * KEPT,
        network: updates * sent_bytes(measured, assumed),
        herd,
        node_lost,
        region_lost,
    }
}

/// The bytes that nodes and servers send for a line: once for each replica, and what each reader
/// costs. Two nodes of each region read every line, whether they keep all shards or one.
fn sent_bytes(measured: &Measured, assumed: &Assumptions) -> f64 {
    let stored = REPLICAS * measured.message_bytes;
    let of_reader = ((measured.sent_bytes - stored) / MEASURED_READERS).max(measured.message_bytes);
    stored + f64::from(assumed.regions * READERS) * of_reader
}

/// The cores that the nodes of a region use: each update is taken by its copies, and the region's
/// share of the reports by the nodes that clients are connected to.
fn cores(updates: f64, copies: f64, measured: &Measured, assumed: &Assumptions) -> f64 {
    let received = updates / f64::from(assumed.regions);
    received * measured.receiving_cpu + (copies * updates - received) * measured.flooded_cpu
}

fn herd_of(clients: f64, updates: f64, measured: &Measured, assumed: &Assumptions) -> Herd {
    let usable_memory = USABLE * assumed.memory;
    let usable_cores = USABLE * assumed.cores;
    let table = clients * measured.client_bytes;
    // One node less, since one may be lost.
    let others = f64::from(FULL_NODES - 1);
    let busy = cores(updates, others, measured, assumed) / others;
    if table <= usable_memory && busy <= usable_cores {
        return Herd::Full { bytes: table };
    }
    let busy = cores(updates, f64::from(assumed.copies), measured, assumed);
    let (count, copies) = (assumed.shards as usize, assumed.copies as usize);
    let bytes = table / count as f64;
    // Clients are connected to nodes in proportion to the shards of the nodes.
    let of_copy = busy / (count * copies) as f64;
    let room = (usable_memory / bytes).min(usable_cores / of_copy) as usize;
    if room == 0 {
        let needed = (table / usable_memory).max(busy / copies as f64 / usable_cores);
        return Herd::TooLarge { shards: needed.ceil() as u64 };
    }
    let shards = Shards { count, copies, room: room.min(count) };
    let (placement, nodes) = Placement::on_fewest(shards, assumed.seed);
    Herd::Sharded { placement, nodes, bytes }
}

/// Returns what the loss of the fullest node, and of a region, costs.
fn recoveries(herd: &Herd, clients: f64, measured: &Measured, assumed: &Assumptions) -> (Recovery, Recovery) {
    let noticed = NOTICED.as_secs_f64();
    let line = measured.message_bytes;
    let network = assumed.network / line;
    let by_link = measured.link_rate.min(network);
    let by_backbone = measured.backbone_rate.min(network);
    match herd {
        Herd::TooLarge { .. } => (Recovery::default(), Recovery::default()),
        Herd::Full { .. } => {
            let node = Recovery { bytes: clients * line, seconds: noticed + clients / by_link, fullest: 1 };
            let crossing = f64::from(READERS) * clients;
            let seconds = noticed + (clients / by_backbone).max(crossing / network);
            (node, Recovery { bytes: crossing * line, seconds, fullest: 1 })
        }
        Herd::Sharded { placement, nodes, .. } => {
            let shard = clients / f64::from(assumed.shards);
            let mut left = placement.clone();
            let moves = left.lose(placement.fullest()).unwrap_or_default();
            let node = Recovery {
                bytes: moves.len() as f64 * shard * line,
                seconds: noticed + busiest(&moves, *nodes) as f64 * shard / by_link,
                fullest: left.held().last().copied().unwrap_or_default(),
            };
            let fullest = placement.held().last().copied().unwrap_or_default();
            let crossing = f64::from(assumed.copies) * clients;
            let slowest = (fullest as f64 * shard / by_backbone).max(crossing / network);
            (node, Recovery { bytes: crossing * line, seconds: noticed + slowest, fullest })
        }
    }
}

/// The most shards that one node has to receive, or to send. Nodes do both at the same time.
fn busiest(moves: &[Move], nodes: usize) -> usize {
    let most = |end: fn(&Move) -> usize| {
        (0..nodes).map(|node| moves.iter().filter(|moved| end(moved) == node).count()).max()
    };
    most(|moved| moved.to).max(most(|moved| moved.from)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
