//! The plan of a simulated run: its faults and its clients' lines. A plan is drawn from a seed, so
//! that it can be drawn again. It is plain data, so that parts of it can be left out.

use std::time::Duration;

use fastrand::Rng;
use herd::node::Limits;

use super::backbone::BackboneFault;
use super::fixed_parts::FixedParts;
use crate::cluster::graphs::Graph;
use crate::oracle::{Keeps, Persistence, REMOVE};

/// The plan of a whole run. Times are since its start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of the plan, and of the delays, cuts of segments and jitter while it runs.
    pub seed: u64,
    /// The number of nodes.
    pub nodes: usize,
    /// The number of regions. Each has its herd, and the backbone joins them.
    pub regions: usize,
    /// The number of shards into which clients are divided. Unless it is 1, each node is a region.
    pub shards: u8,
    /// The graph of each herd.
    pub graph: Graph,
    /// Whether and when a node's records are on disk.
    pub durability: Persistence,
    /// The shortest time from the sending of a segment to its arrival.
    pub latency: Duration,
    /// The longest additional delay of a segment.
    pub jitter: Duration,
    /// The most bytes in transit on a connection, in each direction.
    pub window: usize,
    /// The value of the limit of the same name in [`Limits`].
    pub bulk_sync: usize,
    /// The faults.
    pub faults: Vec<Fault>,
    /// The faults of the backbone.
    pub backbone: Vec<BackboneFault>,
    /// The lines that clients and operators send.
    pub ops: Vec<Op>,
    /// The time at which all faults and lines are over.
    pub end: Duration,
    /// The time after the last fault from which the trees must be whole, if clients still send
    /// lines then.
    pub calm: Option<Duration>,
    /// The time at which all wall clocks leap so far that all earlier reports are to be forgotten.
    pub leap: Option<Duration>,
}

/// A fault, and when it begins and ends.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The beginning.
    pub from: Duration,
    /// The end.
    pub until: Duration,
    /// The kind of the fault.
    pub kind: FaultKind,
}

/// The kinds of faults. Nodes are given by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Segments between two nodes have this additional delay.
    Delay(usize, usize, Duration),
    /// Connections between two nodes are reset, and dialling fails.
    Cut(usize, usize),
    /// Everything that the first node sends to the second disappears, without an error.
    Hole(usize, usize),
    /// A process is stopped, as by SIGSTOP, until the fault ends.
    Stop(usize),
    /// A node crashes, and starts again when the fault ends.
    Crash(usize, Keeps),
    /// A node shuts down, and starts again when the fault ends.
    Restart(usize),
    /// Writes to a node's disk fail.
    Disk(usize),
    /// Syncs of a node's disk fail, and drop the bytes that were to be synced.
    Syncs(usize),
}

/// A line that a client or an operator sends.
#[derive(Clone, Debug)]
pub struct Op {
    /// The time of sending.
    pub at: Duration,
    /// The node that gets the line.
    pub node: usize,
    /// The line.
    pub line: String,
}

/// The start of virtual time, in seconds since 1970.
pub(crate) const EPOCH: u64 = 1_800_000_000;

/// A window that never fills, in bytes.
pub const WIDE: usize = 128 * 1024;

/// The shortest time in which faults begin and clients send lines.
const BUSY: Duration = Duration::from_millis(3_000);

/// The constant that makes the seed of the removals from the seed of the plan.
const REMOVALS: u64 = 0x5EED_0FF0;

/// The same for the faults of the backbone.
const BACKBONE: u64 = 0x5EED_BAC0;

/// The same for the lines after the last fault, and the time in which they are sent.
const CALM: u64 = 0x5EED_CA11;
const CALM_TIME: Duration = Duration::from_secs(8);

/// The seconds by which a report from the future is ahead: less than the limit of the nodes.
const FUTURE: u64 = 20 * 60 * 60;

/// The largest error of a client's clock, in milliseconds.
const CLOCKS: u64 = 200;

impl Plan {
    /// Draws a plan. `durability` is drawn as well if it is `None`.
    pub fn of_seed(seed: u64, nodes: usize, durability: Option<Persistence>) -> Plan {
        Plan::draw(seed, nodes, FixedParts { durability, ..FixedParts::default() })
    }

    /// Draws every part of a plan that is not fixed.
    pub fn draw(seed: u64, nodes: usize, fixed: FixedParts) -> Plan {
        let mut rng = Rng::with_seed(seed);
        let drawn = [Persistence::Memory, Persistence::Everysec, Persistence::Always][rng.usize(..3)];
        let shapes = [Graph::Ring, Graph::Line, Graph::Star, Graph::Tree, Graph::Grid, Graph::Mesh];
        // A mesh of many nodes would have far more links than a real herd.
        let shapes = if nodes > 10 { &shapes[..5] } else { &shapes[..] };
        let latency = Duration::from_micros(rng.u64(50..20_000));
        let latency = fixed.latency.unwrap_or(latency);
        let shape = shapes[rng.usize(..shapes.len())];
        let mut plan = Plan {
            seed,
            nodes,
            regions: fixed.regions.unwrap_or(1),
            shards: 1,
            graph: fixed.graph.unwrap_or(shape),
            durability: fixed.durability.unwrap_or(drawn),
            latency,
            jitter: latency / 2,
            // Some windows are so small that a node has to wait before it can finish a line.
            window: if rng.u8(..4) == 0 { rng.usize(100..4_000) } else { WIDE },
            bulk_sync: Limits::default().bulk_sync,
            faults: Vec::new(),
            backbone: Vec::new(),
            ops: Vec::new(),
            end: BUSY,
            calm: None,
            leap: None,
        };
        plan.draw_faults(&mut rng);
        plan.draw_ops(&mut rng);
        // A small limit causes bulk syncs even with the few clients of a plan.
        if rng.bool() {
            plan.bulk_sync = rng.usize(..8);
        }
        plan.draw_removals(&mut Rng::with_seed(seed ^ REMOVALS));
        plan.draw_calm_ops(&mut Rng::with_seed(seed ^ CALM));
        if fixed.shards {
            plan.divide();
        }
        plan.draw_backbone_faults(&mut Rng::with_seed(seed ^ BACKBONE));
        match fixed.shards {
            true => plan.keep_disks(),
            false => plan.draw_leap(),
        }
        plan
    }

    /// The command that draws the same plan.
    pub fn command(&self) -> String {
        let Plan { seed, nodes, graph, durability, .. } = self;
        if self.shards > 1 {
            return format!("cargo xtask chaos sim --first {seed} --seeds 1 --nodes {nodes} --shards");
        }
        let regions = if self.regions > 1 { format!(" --regions {}", self.regions) } else { String::new() };
        format!(
            "cargo xtask chaos sim --first {seed} --seeds 1 --nodes {nodes}{regions} --graph {graph} \
             --durability {durability}"
        )
    }

    fn draw_faults(&mut self, rng: &mut Rng) {
        // In some runs all faults are damaged disks, so that neighbours can send what a disk lost.
        let damages = self.durability != Persistence::Memory && rng.u8(..8) == 0;
        let edges = self.edges();
        // Every tenth run has no faults.
        let faults = if rng.u8(..10) == 0 { 0 } else { rng.usize(1..=4 + self.nodes / 5) };
        for _ in 0..faults {
            let mut from = Duration::from_millis(rng.u64(..BUSY.as_millis() as u64));
            let mut node = rng.usize(..self.nodes);
            // Some nodes have their next fault soon after they have started again.
            let started = self.faults.iter().rev().find_map(|fault| match fault.kind {
                FaultKind::Crash(node, _) | FaultKind::Restart(node) => Some((node, fault.until)),
                _ => None,
            });
            if let Some((started_node, at)) = started
                && rng.u8(..3) == 0
            {
                node = started_node;
                from = at + Duration::from_millis(rng.u64(..800));
            }
            let (low, high) = edges[rng.usize(..edges.len())];
            let (one, other) = if rng.bool() { (low, high) } else { (high, low) };
            let (kind, most) = match rng.u8(..14) {
                _ if damages => (FaultKind::Crash(node, Keeps::Damaged), 500),
                0 => (FaultKind::Delay(one, other, Duration::from_millis(rng.u64(10..500))), 3_000),
                1 | 2 => (FaultKind::Cut(one, other), 3_000),
                3 | 4 => (FaultKind::Hole(one, other), 5_000),
                5 => (FaultKind::Stop(node), 4_000),
                6 => (FaultKind::Crash(node, Keeps::Disk), 1_500),
                7 | 8 => (FaultKind::Crash(node, Keeps::Synced), 1_500),
                9 => (FaultKind::Restart(node), 500),
                10 => (FaultKind::Disk(node), 3_000),
                11 => (FaultKind::Crash(node, Keeps::Damaged), 1_500),
                12 => (FaultKind::Syncs(node), 3_000),
                _ => (FaultKind::Crash(node, Keeps::Nothing), 1_500),
            };
            let until = from + Duration::from_millis(rng.u64(1..most));
            self.faults.push(Fault { from, until, kind });
            // Some nodes start again in a partition, and so have clients before they have links.
            if let FaultKind::Crash(..) | FaultKind::Restart(_) = kind
                && !damages
                && rng.bool()
            {
                let until = until + Duration::from_millis(rng.u64(..1_500));
                let own = edges.iter().filter(|(low, high)| *low == node || *high == node);
                self.faults.extend(own.map(|&(low, high)| Fault {
                    from,
                    until,
                    kind: FaultKind::Cut(low, high),
                }));
                self.end = self.end.max(until);
            }
            self.end = self.end.max(until);
        }
    }

    /// Draws the removals of clients in some runs. Often a removal follows a report from the
    /// future, as an operator would do. Removals have their own generator, so that they change no
    /// other part of the plan.
    fn draw_removals(&mut self, rng: &mut Rng) {
        if rng.u8(..3) > 0 {
            return;
        }
        for _ in 0..rng.usize(1..=4) {
            let Some(client) =
                self.ops[rng.usize(..self.ops.len())].line.split(' ').nth(1).map(str::to_owned)
            else {
                continue;
            };
            let at = Duration::from_millis(rng.u64(..self.end.as_millis() as u64));
            if rng.bool() {
                let at = at.saturating_sub(Duration::from_millis(rng.u64(..1_000)));
                let line = format!("IAMAT {client} {} {}", place(rng), EPOCH + FUTURE + rng.u64(..100));
                self.ops.push(Op { at, node: rng.usize(..self.nodes), line });
            }
            self.ops.push(Op { at, node: rng.usize(..self.nodes), line: format!("{REMOVE}{client}") });
            // Some clients are removed twice, possibly at two nodes at the same time.
            if rng.u8(..3) == 0 {
                let at = at + Duration::from_millis(rng.u64(..300));
                self.ops.push(Op { at, node: rng.usize(..self.nodes), line: format!("{REMOVE}{client}") });
            }
        }
        self.ops.sort_by_key(|op| op.at);
    }

    /// Lets clients of some runs go on after the last fault, so that trees have to be whole again.
    /// Like removals, this changes no other part of the plan.
    fn draw_calm_ops(&mut self, rng: &mut Rng) {
        if rng.u8(..4) > 0 {
            return;
        }
        let mut at = self.end;
        self.calm = Some(self.end + CALM_TIME / 2);
        self.end += CALM_TIME;
        while at < self.end {
            let millis = EPOCH * 1000 + at.as_millis() as u64;
            let stamp = format!("{}.{:03}", millis / 1000, millis % 1000);
            let line = format!("IAMAT calm-{} {} {stamp}", rng.u8(..4), place(rng));
            self.ops.push(Op { at, node: rng.usize(..self.nodes), line });
            at += Duration::from_millis(rng.u64(..300));
        }
    }

    fn draw_ops(&mut self, rng: &mut Rng) {
        let clients = rng.usize(2..12);
        // In some herds most clients send to one node.
        let favourite = rng.usize(..self.nodes);
        let favours = rng.bool();
        let mut reports: Vec<(usize, String, String)> = Vec::new();
        let mut at = Duration::from_millis(rng.u64(..500));
        while at < self.end {
            let node = if favours && rng.u8(..10) > 0 { favourite } else { rng.usize(..self.nodes) };
            let client = rng.usize(..clients);
            let earlier = reports.iter().rev().find(|(of, ..)| *of == client);
            let line = match (rng.u8(..10), earlier) {
                (0..=2, _) => format!("WHATSAT client-{client} 0 0"),
                // The same report is sent again, often to another node.
                (3, Some((_, place, stamp))) => format!("IAMAT client-{client} {place} {stamp}"),
                // The client is at another place at the same time.
                (4, Some((_, _, stamp))) => {
                    let stamp = stamp.clone();
                    reports.push((client, place(rng), stamp.clone()));
                    format!("IAMAT client-{client} {} {stamp}", reports[reports.len() - 1].1)
                }
                _ => {
                    let millis = EPOCH * 1000 + at.as_millis() as u64 + rng.u64(..=2 * CLOCKS) - CLOCKS;
                    let stamp = format!("{}.{:03}", millis / 1000, millis % 1000);
                    reports.push((client, place(rng), stamp.clone()));
                    format!("IAMAT client-{client} {} {stamp}", reports[reports.len() - 1].1)
                }
            };
            self.ops.push(Op { at, node, line });
            at += Duration::from_millis(rng.u64(..120));
        }
    }
}

fn place(rng: &mut Rng) -> String {
    format!("+{}.{:03}-{}.{:03}", rng.u8(..90), rng.u16(..1000), rng.u8(..180), rng.u16(..1000))
}

impl Op {
    /// Returns whether this is an operator's request to remove a client.
    pub fn is_removal(&self) -> bool {
        self.line.starts_with(REMOVE)
    }
}

impl FaultKind {
    /// The nodes that the fault concerns.
    pub fn nodes(self) -> Vec<usize> {
        match self {
            FaultKind::Delay(one, other, _) | FaultKind::Cut(one, other) | FaultKind::Hole(one, other) => {
                vec![one, other]
            }
            FaultKind::Stop(node)
            | FaultKind::Crash(node, _)
            | FaultKind::Restart(node)
            | FaultKind::Disk(node)
            | FaultKind::Syncs(node) => vec![node],
        }
    }
}
