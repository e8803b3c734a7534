//! What will be done to a simulated herd: drawn from a seed, so that it can be drawn again; and data, so that parts of
//! it can be left out.

use std::time::Duration;

use fastrand::Rng;
use herd::node::Limits;

use crate::cluster::graphs::Graph;
use crate::oracle::{Durability, Keeps, REMOVE};

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Draws whatever is left to chance: delays, cuts of segments, jitter.
    pub seed: u64,
    /// How many nodes.
    pub nodes: usize,
    /// On which graph.
    pub graph: Graph,
    /// When what a node knows is on disk.
    pub durability: Durability,
    /// How long a segment is under way, at least.
    pub latency: Duration,
    /// At most so much longer.
    pub jitter: Duration,
    /// How many bytes may be on their way on a connection, in each direction.
    pub window: usize,
    /// The bound of the same name in [`Limits`].
    pub bulk_sync: usize,
    /// What is broken.
    pub faults: Vec<Fault>,
    /// What clients say.
    pub ops: Vec<Op>,
    /// When all of that is over.
    pub end: Duration,
}

/// Something broken, for some time.
#[derive(Clone, Debug)]
pub struct Fault {
    /// From when.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Segments between two nodes take so much longer.
    Delay(usize, usize, Duration),
    /// Connections between two nodes are reset, and none can be made.
    Cut(usize, usize),
    /// Nothing comes from the first node to the second one, and neither is told.
    Hole(usize, usize),
    /// A process does nothing for a while, as after SIGSTOP.
    Stop(usize),
    /// A node ends at once, and starts again when the fault is over.
    Crash(usize, Keeps),
    /// A node is stopped properly, and starts again when the fault is over.
    Restart(usize),
    /// Nothing can be written to a node's disk.
    Disk(usize),
    /// A node's disk cannot be synced, and drops what was to be synced.
    Syncs(usize),
}

/// A line of a client's, or of an operator's.
#[derive(Clone, Debug)]
pub struct Op {
    /// When.
    pub at: Duration,
    /// To which node.
    pub node: usize,
    /// The line.
    pub line: String,
}

/// What of a plan is not drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// The graph.
    pub graph: Option<Graph>,
    /// How long a segment is under way, at least.
    pub latency: Option<Duration>,
    /// When what a node knows is on disk.
    pub durability: Option<Durability>,
}

/// Virtual time begins here, in seconds since 1970.
pub(crate) const EPOCH: u64 = 1_800_000_000;

/// A window that nothing fills.
pub const WIDE: usize = 128 * 1024;

/// Faults begin and clients talk for at least so long.
const BUSY: Duration = Duration::from_millis(3_000);

/// Removals are drawn from other numbers than all else.
const REMOVALS: u64 = 0x5EED_0FF0;

/// A report from the future is ahead by so many seconds: less than nodes accept.
const FUTURE: u64 = 20 * 60 * 60;

/// By so many milliseconds a client's clock is wrong at most.
const CLOCKS: u64 = 200;

impl Plan {
    /// Draws a plan. `durability` is drawn too, if it is not given.
    pub fn of_seed(seed: u64, nodes: usize, durability: Option<Durability>) -> Plan {
        Plan::draw(seed, nodes, Given { durability, ..Given::default() })
    }

    /// Draws whatever is not given.
    pub fn draw(seed: u64, nodes: usize, given: Given) -> Plan {
        let mut rng = Rng::with_seed(seed);
        let drawn = [Durability::Memory, Durability::Everysec, Durability::Always][rng.usize(..3)];
        let shapes = [Graph::Ring, Graph::Line, Graph::Star, Graph::Tree, Graph::Grid, Graph::Mesh];
        // A mesh of many nodes has more links than anybody would make.
        let shapes = if nodes > 10 { &shapes[..5] } else { &shapes[..] };
        let latency = Duration::from_micros(rng.u64(50..20_000));
        let latency = given.latency.unwrap_or(latency);
        let shape = shapes[rng.usize(..shapes.len())];
        let mut plan = Plan {
            seed,
            nodes,
            graph: given.graph.unwrap_or(shape),
            durability: given.durability.unwrap_or(drawn),
            latency,
            jitter: latency / 2,
            // Some have to wait for room before they can finish a line.
            window: if rng.u8(..4) == 0 { rng.usize(100..4_000) } else { WIDE },
            bulk_sync: Limits::default().bulk_sync,
            faults: Vec::new(),
            ops: Vec::new(),
            end: BUSY,
        };
        plan.draw_faults(&mut rng);
        plan.draw_ops(&mut rng);
        // With a few clients there would be none.
        if rng.bool() {
            plan.bulk_sync = rng.usize(..8);
        }
        plan.draw_removals(&mut Rng::with_seed(seed ^ REMOVALS));
        plan
    }

    /// The command that draws the same plan.
    pub fn command(&self) -> String {
        let Plan { seed, nodes, durability, .. } = self;
        format!("cargo xtask chaos sim --first {seed} --seeds 1 --nodes {nodes} --durability {durability}")
    }

    fn draw_faults(&mut self, rng: &mut Rng) {
        // In some runs disks are damaged and nothing else is, so that neighbours are there to tell what they lost.
        let damages = self.durability != Durability::Memory && rng.u8(..8) == 0;
        let edges = self.graph.edges(self.nodes);
        // Every tenth run has no faults at all.
        let faults = if rng.u8(..10) == 0 { 0 } else { rng.usize(1..=4 + self.nodes / 5) };
        for _ in 0..faults {
            let mut from = Duration::from_millis(rng.u64(..BUSY.as_millis() as u64));
            let mut node = rng.usize(..self.nodes);
            // Some nodes are hit again when they have hardly started.
            let started = self.faults.iter().rev().find_map(|fault| match fault.kind {
                FaultKind::Crash(node, _) | FaultKind::Restart(node) => Some((node, fault.until)),
                _ => None,
            });
            if let Some((again, at)) = started
                && rng.u8(..3) == 0
            {
                (node, from) = (again, at + Duration::from_millis(rng.u64(..800)));
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
            // Some come back behind a partition, and have clients before they have links.
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

    /// In some runs operators remove clients, often because a node with a wrong clock has taken a report from the future. Drawn from
    /// numbers of its own, so that it changes nothing else of a seed.
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
            // At another node at the same time, or again soon.
            if rng.u8(..3) == 0 {
                let at = at + Duration::from_millis(rng.u64(..300));
                self.ops.push(Op { at, node: rng.usize(..self.nodes), line: format!("{REMOVE}{client}") });
            }
        }
        self.ops.sort_by_key(|op| op.at);
    }

    fn draw_ops(&mut self, rng: &mut Rng) {
        let clients = rng.usize(2..12);
        // Some herds hear mostly at one node.
        let favourite = rng.usize(..self.nodes);
        let favours = rng.bool();
        let mut said: Vec<(usize, String, String)> = Vec::new();
        let mut at = Duration::from_millis(rng.u64(..500));
        while at < self.end {
            let node = if favours && rng.u8(..10) > 0 { favourite } else { rng.usize(..self.nodes) };
            let client = rng.usize(..clients);
            let earlier = said.iter().rev().find(|(of, ..)| *of == client);
            let line = match (rng.u8(..10), earlier) {
                (0..=2, _) => format!("WHATSAT client-{client} 0 0"),
                // The same again, at another node.
                (3, Some((_, place, stamp))) => format!("IAMAT client-{client} {place} {stamp}"),
                // Another place at the same time.
                (4, Some((_, _, stamp))) => {
                    let stamp = stamp.clone();
                    said.push((client, place(rng), stamp.clone()));
                    format!("IAMAT client-{client} {} {stamp}", said[said.len() - 1].1)
                }
                _ => {
                    let millis = EPOCH * 1000 + at.as_millis() as u64 + rng.u64(..=2 * CLOCKS) - CLOCKS;
                    let stamp = format!("{}.{:03}", millis / 1000, millis % 1000);
                    said.push((client, place(rng), stamp.clone()));
                    format!("IAMAT client-{client} {} {stamp}", said[said.len() - 1].1)
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
    /// Whether it is an operator's.
    pub fn is_removal(&self) -> bool {
        self.line.starts_with(REMOVE)
    }
}

impl FaultKind {
    /// The nodes at which it is felt.
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
