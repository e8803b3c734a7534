//! What can happen to real nodes, drawn from a seed.

use std::time::Duration;

use fastrand::Rng;
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

use crate::chaos::proxy::Conditions;

/// A kind of fault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum FaultName {
    /// SIGKILL of one node or several, but not of all.
    Kill,
    /// SIGKILL of all nodes at once.
    KillAll,
    /// SIGSTOP of a node, and SIGCONT five seconds later.
    Pause,
    /// SIGTERM of each node in turn, started again before the next.
    Rolling,
    /// What goes over a link arrives late, each way by another time.
    Delay,
    /// Nothing arrives one way of a link, and nobody is told.
    BlackHole,
    /// A link is reset after random numbers of bytes, again and again.
    Reset,
    /// What goes over a link arrives byte by byte.
    Slices,
    /// A link carries few bytes a second.
    Bandwidth,
    /// Some nodes are cut off from the others.
    Partition,
    /// The disk of a node is full. For nodes with a disk, and root, who can give them small ones.
    DiskFull,
    /// A node may open no more files than it has.
    NoFiles,
    /// The log of a node cannot be written.
    LogFull,
}

/// What faults can happen to.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) nodes: usize,
    /// Neighbours, each pair once.
    pub(super) edges: Vec<(usize, usize)>,
}

/// A fault, drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) name: FaultName,
    pub(super) how: How,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Nodes are killed, and stay away for so long.
    Kill { nodes: Vec<usize>, away: Duration },
    /// Nodes are stopped and started again, one after another.
    Restart(Vec<usize>),
    /// A node lacks something for so long.
    Want { node: usize, lasts: Duration },
    /// Ways from one node to another are in other conditions for so long.
    Links { ways: Vec<(usize, usize, Conditions)>, lasts: Duration },
}

/// How long a node is paused: longer than its neighbours keep a silent link.
const PAUSE: Duration = Duration::from_secs(5);

/// Nodes that are killed stay away for at most so many milliseconds.
const AWAY: u64 = 1_000;

/// How many milliseconds other faults last: some are over before a silent link is ended, some are not.
const LASTS: std::ops::Range<u64> = 500..5_000;

impl FaultName {
    /// Whether it happens to links, which have to go through a proxy for that.
    pub(super) fn is_of_links(self) -> bool {
        use FaultName::{Bandwidth, BlackHole, Delay, Partition, Reset, Slices};
        matches!(self, Delay | BlackHole | Reset | Slices | Bandwidth | Partition)
    }

    /// What a node that it happens to is, in words.
    fn want(self) -> &'static str {
        match self {
            FaultName::Pause => "paused",
            FaultName::DiskFull => "without room on its disk",
            FaultName::NoFiles => "without files to open",
            FaultName::LogFull => "without room for its log",
            _ => "broken",
        }
    }
}

impl Fault {
    /// Draws how one of the faults that may happen does.
    pub(super) fn draw(names: &[FaultName], layout: &Layout, rng: &mut Rng) -> Fault {
        let name = names[rng.usize(..names.len())];
        let mut nodes: Vec<usize> = (0..layout.nodes).collect();
        rng.shuffle(&mut nodes);
        let lasts = Duration::from_millis(rng.u64(LASTS));
        let how = match name {
            FaultName::Kill => {
                nodes.truncate(rng.usize(1..layout.nodes.max(2)));
                How::Kill { nodes, away: Duration::from_millis(rng.u64(..AWAY)) }
            }
            FaultName::KillAll => How::Kill { nodes, away: Duration::from_millis(rng.u64(..AWAY)) },
            FaultName::Rolling => How::Restart(nodes),
            FaultName::Pause => How::Want { node: nodes[0], lasts: PAUSE },
            FaultName::DiskFull | FaultName::NoFiles | FaultName::LogFull => {
                How::Want { node: nodes[0], lasts }
            }
            FaultName::Partition => {
                nodes.truncate(rng.usize(1..layout.nodes.max(2)));
                How::Links { ways: cut_off(&nodes, layout), lasts }
            }
            FaultName::Delay
            | FaultName::BlackHole
            | FaultName::Reset
            | FaultName::Slices
            | FaultName::Bandwidth => {
                let (low, high) = layout.edges[rng.usize(..layout.edges.len())];
                let (one, other) = if rng.bool() { (low, high) } else { (high, low) };
                let mut ways = vec![(one, other, conditions(name, rng))];
                if name != FaultName::BlackHole {
                    ways.push((other, one, conditions(name, rng)));
                }
                How::Links { ways, lasts }
            }
        };
        Fault { name, how }
    }

    /// The nodes at which it is felt.
    pub(super) fn nodes(&self) -> Vec<usize> {
        let mut nodes = match &self.how {
            How::Kill { nodes, .. } | How::Restart(nodes) => nodes.clone(),
            How::Want { node, .. } => vec![*node],
            How::Links { ways, .. } => ways.iter().flat_map(|(from, to, _)| [*from, *to]).collect(),
        };
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Says what happens.
    pub(super) fn describe(&self, names: &[String]) -> String {
        let list =
            |nodes: &[usize]| nodes.iter().map(|node| names[*node].as_str()).collect::<Vec<_>>().join(", ");
        match &self.how {
            How::Kill { nodes, away } => format!("{} killed, away for {away:?}", list(nodes)),
            How::Restart(nodes) => format!("{} restarted in turn", list(nodes)),
            How::Want { node, lasts } => format!("{} {} for {lasts:?}", names[*node], self.name.want()),
            How::Links { ways, lasts } if self.name == FaultName::Partition => {
                let pairs = ways.iter().filter(|(from, to, _)| from < to);
                let pairs = pairs.map(|(from, to, _)| format!("{}-{}", names[*from], names[*to]));
                format!("{} cut for {lasts:?}", pairs.collect::<Vec<_>>().join(", "))
            }
            How::Links { ways, lasts } => {
                let ways = ways
                    .iter()
                    .map(|(from, to, conditions)| format!("{} to {} {conditions}", names[*from], names[*to]));
                format!("{} for {lasts:?}", ways.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Draws conditions of one way.
fn conditions(name: FaultName, rng: &mut Rng) -> Conditions {
    let mut drawn = Conditions::default();
    match name {
        FaultName::Delay => drawn.delay = Duration::from_millis(rng.u64(5..400)),
        FaultName::BlackHole => drawn.black_hole = true,
        // Within a handshake, within a batch, and beyond.
        FaultName::Reset => drawn.reset_within = Some(1 << rng.u32(8..18)),
        FaultName::Slices => drawn.slices = true,
        // A few updates a second, and up to what they all take.
        FaultName::Bandwidth => drawn.bandwidth = Some(1 << rng.u32(12..17)),
        _ => drawn.cut = true,
    }
    drawn
}

/// All ways between some nodes and the others.
fn cut_off(nodes: &[usize], layout: &Layout) -> Vec<(usize, usize, Conditions)> {
    let cut = Conditions { cut: true, ..Conditions::default() };
    let between = layout.edges.iter().filter(|(low, high)| nodes.contains(low) != nodes.contains(high));
    between.flat_map(|(low, high)| [(*low, *high, cut), (*high, *low, cut)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_faults_again_and_each_kind_sooner_or_later() {
        let layout = Layout { nodes: 5, edges: vec![(0, 1), (1, 2), (2, 3), (3, 4)] };
        let draw = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..500).map(|_| Fault::draw(FaultName::VARIANTS, &layout, &mut rng)).collect::<Vec<_>>()
        };
        let faults = draw(7);
        assert_eq!(faults, draw(7));
        assert_ne!(faults, draw(8));
        for name in FaultName::VARIANTS {
            assert!(faults.iter().any(|fault| fault.name == *name), "{name:?}");
        }
    }

    #[test]
    fn faults_are_described_in_words() {
        let names = ["Alford", "Parker"].map(str::to_owned);
        let lasts = Duration::from_secs(2);
        let want = How::Want { node: 1, lasts };
        let cut = Conditions { cut: true, ..Conditions::default() };
        let late = Conditions { delay: lasts, ..Conditions::default() };
        let slow = Conditions { bandwidth: Some(9), ..Conditions::default() };
        for (name, how, words) in [
            (FaultName::DiskFull, want, "Parker without room on its disk for 2s"),
            (
                FaultName::Partition,
                How::Links { ways: vec![(0, 1, cut), (1, 0, cut)], lasts },
                "Alford-Parker cut for 2s",
            ),
            (
                FaultName::Delay,
                How::Links { ways: vec![(0, 1, late), (1, 0, slow)], lasts },
                "Alford to Parker 2s late, Parker to Alford 9 bytes a second for 2s",
            ),
        ] {
            assert_eq!(Fault { name, how }.describe(&names), words);
        }
    }

    #[test]
    fn a_partition_cuts_every_link_between_its_sides_both_ways_and_no_other() {
        let layout = Layout { nodes: 4, edges: vec![(0, 1), (1, 2), (2, 3), (0, 3)] };
        let ways: Vec<(usize, usize)> =
            cut_off(&[0, 1], &layout).iter().map(|(from, to, _)| (*from, *to)).collect();
        assert_eq!(ways, [(1, 2), (2, 1), (0, 3), (3, 0)]);
    }
}
