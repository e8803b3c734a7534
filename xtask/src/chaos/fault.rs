//! The faults of real nodes and links, drawn from a seed.

mod needs;

pub use needs::{Available, possible_faults};

use std::time::Duration;

use fastrand::Rng;
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

use crate::cluster::proxy::Conditions;

/// The name of a fault. The comments of the variants are help text.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum FaultName {
    /// Kill one or more nodes with SIGKILL, but not all.
    Kill,
    /// Kill all nodes with SIGKILL at once.
    KillAll,
    /// Stop a node with SIGSTOP, and continue it five seconds later.
    Pause,
    /// Restart each node in turn, with SIGTERM.
    Rolling,
    /// Restart each node in turn with the other program, that of --former or this one.
    Upgrade,
    /// Delay the bytes of a link, differently in each direction.
    Delay,
    /// Swallow the bytes of one direction of a link until the fault ends.
    BlackHole,
    /// Reset a link after random numbers of bytes, again and again.
    Reset,
    /// Deliver the bytes of a link one by one.
    Slices,
    /// Throttle a link to a few bytes a second.
    Bandwidth,
    /// Cut all links between some nodes and the others.
    Partition,
    /// Fill the disk of a node. Needs nodes with a disk, and root, to mount a small disk for each.
    DiskFull,
    /// Lower a node's limit of open files to the number that it has open.
    NoFiles,
    /// Make a node's log file fail all writes.
    LogFull,
    /// Kill a server of the backbone.
    ServerKill,
    /// Kill all servers of the backbone.
    ServersKill,
    /// Kill all servers of the backbone, and delete their files.
    ServersWipe,
    /// Kill the server that leads the stream of the backbone.
    LeaderKill,
    /// Kill all nodes of a region, and delete their journals.
    RegionWipe,
    /// Cut the nodes of a region off the servers of the backbone.
    RegionCut,
    /// Kill a node that reads the backbone.
    ReaderKill,
    /// Flip a bit in the messages of a server of the backbone, while it is down.
    BitFlip,
    /// Delete the older half of the messages of the backbone.
    StreamTruncate,
    /// Let two nodes exchange the shards that they hold, while clients report.
    ShardMove,
}

/// The nodes and links of a herd, which faults are drawn for.
#[derive(Clone, Debug)]
pub(super) struct HerdShape {
    pub(super) nodes: usize,
    /// The pairs of neighbours, each pair once.
    pub(super) edges: Vec<(usize, usize)>,
    /// The number of servers of the backbone.
    pub(super) servers: usize,
    /// The nodes of each region; empty without a backbone.
    pub(super) regions: Vec<Vec<usize>>,
}

/// A fault that has been drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) name: FaultName,
    pub(super) action: FaultAction,
}

/// The action of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultAction {
    /// Kills nodes, deletes their journals if `wipes`, and starts them again after a time.
    Kill { nodes: Vec<usize>, wipes: bool, away: Duration },
    /// Stops nodes and starts them again, one after another.
    Restart(Vec<usize>),
    /// Takes something from a node for a time: its processor, disk, files or log.
    Deprive { node: usize, lasts: Duration },
    /// Kills servers of the backbone, deletes their files if `wipes`, and starts them again after a
    /// time.
    Servers { servers: Vec<usize>, wipes: bool, away: Duration },
    /// Kills the server that leads the stream then, and starts it again after a time.
    Leader { away: Duration },
    /// Cuts the nodes of a region off the servers for a time.
    CutOff { region: usize, nodes: Vec<usize>, lasts: Duration },
    /// Kills a server, flips a bit of its messages, and starts it again after a time. `place` is
    /// the bit, counted round and round over the bits of all messages.
    FlipBit { server: usize, place: u64, away: Duration },
    /// Deletes the older half of the messages.
    Truncate,
    /// Lets two nodes hold the shards of both, and then each those of the other one.
    Exchange([usize; 2]),
    /// Changes the conditions of directions from one node to another for a time.
    Links { directions: Vec<(usize, usize, Conditions)>, lasts: Duration },
}

/// The time for which a node is paused: longer than its neighbours keep a silent link.
const PAUSE: Duration = Duration::from_secs(5);

/// The nodes that read the backbone: this many, the first of each region.
const READERS: usize = 2;

/// The longest time for which killed nodes are away, in milliseconds.
const AWAY: u64 = 1_000;

/// The time for which other faults last, in milliseconds. Some end before a silent link ends, and
/// some after.
const LASTS: std::ops::Range<u64> = 500..5_000;

impl FaultName {
    /// Returns whether the fault concerns links, which must go through a proxy then.
    pub(super) fn is_of_links(self) -> bool {
        use FaultName::{Bandwidth, BlackHole, Delay, Partition, Reset, Slices};
        matches!(self, Delay | BlackHole | Reset | Slices | Bandwidth | Partition)
    }

    /// Returns whether the fault is one of herds that the backbone joins.
    pub(super) fn is_of_backbone(self) -> bool {
        use FaultName::{BitFlip, LeaderKill, ReaderKill, RegionCut, RegionWipe, StreamTruncate};
        use FaultName::{ServerKill, ServersKill, ServersWipe};
        matches!(self, ServerKill | ServersKill | ServersWipe | LeaderKill | RegionWipe)
            || matches!(self, RegionCut | ReaderKill | BitFlip | StreamTruncate | FaultName::ShardMove)
    }

    /// The state of a node that is deprived by this fault, in words.
    fn state(self) -> &'static str {
        match self {
            FaultName::Pause => "paused",
            FaultName::DiskFull => "with a full disk",
            FaultName::NoFiles => "without free file descriptors",
            FaultName::LogFull => "with a full log",
            _ => "faulty",
        }
    }
}

impl Fault {
    /// Draws one of the faults, and its action.
    pub(super) fn draw(names: &[FaultName], shape: &HerdShape, rng: &mut Rng) -> Fault {
        let name = names[rng.usize(..names.len())];
        let mut nodes: Vec<usize> = (0..shape.nodes).collect();
        rng.shuffle(&mut nodes);
        let lasts = Duration::from_millis(rng.u64(LASTS));
        let action = match name {
            name if name.is_of_backbone() => FaultAction::draw_of_backbone(name, shape, lasts, rng),
            FaultName::Kill => {
                nodes.truncate(rng.usize(1..shape.nodes.max(2)));
                FaultAction::Kill { nodes, wipes: false, away: Duration::from_millis(rng.u64(..AWAY)) }
            }
            FaultName::KillAll => {
                FaultAction::Kill { nodes, wipes: false, away: Duration::from_millis(rng.u64(..AWAY)) }
            }
            FaultName::Rolling | FaultName::Upgrade => FaultAction::Restart(nodes),
            FaultName::Pause => FaultAction::Deprive { node: nodes[0], lasts: PAUSE },
            FaultName::DiskFull | FaultName::NoFiles | FaultName::LogFull => {
                FaultAction::Deprive { node: nodes[0], lasts }
            }
            FaultName::Partition => {
                nodes.truncate(rng.usize(1..shape.nodes.max(2)));
                FaultAction::Links { directions: cut_off(&nodes, shape), lasts }
            }
            _ => {
                let (low, high) = shape.edges[rng.usize(..shape.edges.len())];
                let (one, other) = if rng.bool() { (low, high) } else { (high, low) };
                let mut directions = vec![(one, other, conditions(name, rng))];
                if name != FaultName::BlackHole {
                    directions.push((other, one, conditions(name, rng)));
                }
                FaultAction::Links { directions, lasts }
            }
        };
        Fault { name, action }
    }

    /// The nodes that the fault concerns.
    pub(super) fn nodes(&self) -> Vec<usize> {
        let mut nodes = match &self.action {
            FaultAction::Kill { nodes, .. } | FaultAction::Restart(nodes) => nodes.clone(),
            FaultAction::Deprive { node, .. } => vec![*node],
            FaultAction::CutOff { nodes, .. } => nodes.clone(),
            FaultAction::Exchange(nodes) => nodes.to_vec(),
            FaultAction::Servers { .. }
            | FaultAction::Leader { .. }
            | FaultAction::FlipBit { .. }
            | FaultAction::Truncate => Vec::new(),
            FaultAction::Links { directions, .. } => {
                directions.iter().flat_map(|(from, to, _)| [*from, *to]).collect()
            }
        };
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Describes the fault in words, for the progress of a run.
    pub(super) fn describe(&self, names: &[String]) -> String {
        let list =
            |nodes: &[usize]| nodes.iter().map(|node| names[*node].as_str()).collect::<Vec<_>>().join(", ");
        match &self.action {
            FaultAction::Kill { nodes, wipes, away } => {
                let done = if *wipes { "wiped" } else { "killed" };
                format!("{} {done}, away for {away:?}", list(nodes))
            }
            FaultAction::Leader { away } => {
                format!("the leader of the stream killed, away for {away:?}")
            }
            FaultAction::CutOff { nodes, lasts, .. } => {
                format!("{} cut off the servers for {lasts:?}", list(nodes))
            }
            FaultAction::FlipBit { server, away, .. } => {
                format!("a bit of nats-{} flipped, away for {away:?}", server + 1)
            }
            FaultAction::Truncate => "the older half of the stream deleted".to_owned(),
            FaultAction::Exchange(nodes) => format!("{} exchange their shards", list(nodes)),
            FaultAction::Servers { servers, wipes, away } => {
                let servers = servers.iter().map(|server| format!("nats-{}", server + 1));
                let done = if *wipes { "wiped" } else { "killed" };
                format!("{} {done}, away for {away:?}", servers.collect::<Vec<_>>().join(", "))
            }
            FaultAction::Restart(nodes) if self.name == FaultName::Upgrade => {
                format!("{} restarted in turn with the other program", list(nodes))
            }
            FaultAction::Restart(nodes) => format!("{} restarted in turn", list(nodes)),
            FaultAction::Deprive { node, lasts } => {
                format!("{} {} for {lasts:?}", names[*node], self.name.state())
            }
            FaultAction::Links { directions, lasts } if self.name == FaultName::Partition => {
                let pairs = directions.iter().filter(|(from, to, _)| from < to);
                let pairs = pairs.map(|(from, to, _)| format!("{}-{}", names[*from], names[*to]));
                format!("{} cut for {lasts:?}", pairs.collect::<Vec<_>>().join(", "))
            }
            FaultAction::Links { directions, lasts } => {
                let directions = directions
                    .iter()
                    .map(|(from, to, conditions)| format!("{} to {} {conditions}", names[*from], names[*to]));
                format!("{} for {lasts:?}", directions.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl FaultAction {
    /// Draws the action of a fault of herds that the backbone joins.
    fn draw_of_backbone(name: FaultName, shape: &HerdShape, lasts: Duration, rng: &mut Rng) -> FaultAction {
        let away = lasts;
        if matches!(name, FaultName::ServersKill | FaultName::ServersWipe) {
            let wipes = name == FaultName::ServersWipe;
            return FaultAction::Servers { servers: (0..shape.servers).collect(), wipes, away };
        }
        if matches!(name, FaultName::ServerKill | FaultName::BitFlip) {
            let server = rng.usize(..shape.servers);
            return match name {
                FaultName::BitFlip => FaultAction::FlipBit { server, place: rng.u64(..), away },
                _ => FaultAction::Servers { servers: vec![server], wipes: false, away },
            };
        }
        let region = rng.usize(..shape.regions.len());
        let nodes = shape.regions[region].clone();
        match name {
            FaultName::RegionWipe => FaultAction::Kill { nodes, wipes: true, away },
            FaultName::RegionCut => FaultAction::CutOff { region, nodes, lasts },
            FaultName::ReaderKill => {
                let reader = nodes[rng.usize(..READERS.min(nodes.len()))];
                FaultAction::Kill { nodes: vec![reader], wipes: false, away }
            }
            FaultName::LeaderKill => FaultAction::Leader { away },
            FaultName::ShardMove => {
                let mut others: Vec<usize> = (0..shape.nodes).collect();
                let one = others.swap_remove(rng.usize(..shape.nodes));
                FaultAction::Exchange([one, others[rng.usize(..others.len())]])
            }
            _ => FaultAction::Truncate,
        }
    }
}

/// Draws the conditions of one direction.
fn conditions(name: FaultName, rng: &mut Rng) -> Conditions {
    let mut drawn = Conditions::default();
    match name {
        FaultName::Delay => drawn.delay = Duration::from_millis(rng.u64(5..400)),
        FaultName::BlackHole => drawn.black_hole = true,
        // Some resets fall into a handshake, some into a batch, and some later.
        FaultName::Reset => drawn.reset_within = Some(1 << rng.u32(8..18)),
        FaultName::Slices => drawn.slices = true,
        // From a few updates a second up to all of them.
        FaultName::Bandwidth => drawn.bandwidth = Some(1 << rng.u32(12..17)),
        _ => drawn.cut = true,
    }
    drawn
}

/// All directions between some nodes and the others.
fn cut_off(nodes: &[usize], shape: &HerdShape) -> Vec<(usize, usize, Conditions)> {
    let cut = Conditions { cut: true, ..Conditions::default() };
    let between = shape.edges.iter().filter(|(low, high)| nodes.contains(low) != nodes.contains(high));
    between.flat_map(|(low, high)| [(*low, *high, cut), (*high, *low, cut)]).collect()
}

#[cfg(test)]
mod tests;
