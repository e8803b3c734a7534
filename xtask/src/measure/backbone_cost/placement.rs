//! Which nodes keep which shards, pure: rendezvous hashing with a bound on the shards of a node.

use fastrand::Rng;

/// The shards of a region, and the nodes' room for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shards {
    /// The number of shards.
    pub(super) count: usize,
    /// The number of copies of each shard, each on another node.
    pub(super) copies: usize,
    /// The most shards that one node has room for.
    pub(super) room: usize,
}

/// The nodes that keep the copies of each shard.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    shards: Shards,
    seed: u64,
    /// For each shard: its nodes.
    holders: Vec<Vec<usize>>,
    /// For each node: the number of its shards; `None` for a node that is lost.
    held: Vec<Option<usize>>,
}

/// A copy that a lost node has had, and that another node makes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// The shard.
    pub(super) shard: usize,
    /// The node that it is copied from.
    pub(super) from: usize,
    /// The node that keeps it from now on.
    pub(super) to: usize,
}

impl Placement {
    /// Places the copies of all shards on `nodes` nodes. Each shard goes to the nodes with its
    /// highest scores that have room. Returns `None` if the nodes have too little room.
    pub(super) fn new(shards: Shards, nodes: usize, seed: u64) -> Option<Placement> {
        let holders = vec![Vec::new(); shards.count];
        let mut placement = Placement { shards, seed, holders, held: vec![Some(0); nodes] };
        for shard in 0..shards.count {
            for _ in 0..shards.copies {
                placement.add_copy(shard)?;
            }
        }
        Some(placement)
    }

    /// Places shards on as few nodes as have room for them, also when any one node is lost.
    /// Returns the placement and the number of nodes. A node must have room for one shard.
    pub(super) fn on_fewest(shards: Shards, seed: u64) -> (Placement, usize) {
        let full = (shards.count * shards.copies).div_ceil(shards.room.max(1));
        let mut nodes = full.max(shards.copies) + 1;
        loop {
            let placed = Placement::new(shards, nodes, seed);
            let survives = |placed: &Placement| (0..nodes).all(|node| placed.clone().lose(node).is_some());
            match placed.filter(survives) {
                Some(placement) => return (placement, nodes),
                None => nodes += 1,
            }
        }
    }

    /// Loses a node. Each of its shards is copied to another node, and no other shard moves.
    /// Returns the moves; `None` if the other nodes have too little room.
    pub(super) fn lose(&mut self, node: usize) -> Option<Vec<Move>> {
        self.held[node] = None;
        let mut moves = Vec::new();
        for shard in 0..self.shards.count {
            let Some(place) = self.holders[shard].iter().position(|holder| *holder == node) else { continue };
            self.holders[shard].remove(place);
            // The copies take turns, so that one node does not send everything.
            let from = *self.holders[shard].get(shard % self.holders[shard].len().max(1))?;
            let to = self.add_copy(shard)?;
            moves.push(Move { shard, from, to });
        }
        Some(moves)
    }

    /// The number of shards of each node that is not lost, the smallest first.
    pub(super) fn held(&self) -> Vec<usize> {
        let mut held: Vec<usize> = self.held.iter().flatten().copied().collect();
        held.sort_unstable();
        held
    }

    /// The node with the most shards.
    pub(super) fn fullest(&self) -> usize {
        (0..self.held.len()).max_by_key(|node| self.held[*node]).unwrap_or_default()
    }

    /// Adds a copy of a shard to the node with the highest score that has room and does not have
    /// the shard. Returns the node.
    fn add_copy(&mut self, shard: usize) -> Option<usize> {
        let has_room = |node: &usize| self.held[*node].is_some_and(|held| held < self.shards.room);
        let candidates = (0..self.held.len()).filter(has_room);
        let candidates = candidates.filter(|node| !self.holders[shard].contains(node));
        let best = candidates.max_by_key(|node| self.score(shard, *node))?;
        self.held[best] = self.held[best].map(|held| held + 1);
        self.holders[shard].push(best);
        Some(best)
    }

    /// A number that depends on nothing but the seed, the shard and the node.
    fn score(&self, shard: usize, node: usize) -> u64 {
        let mut of_shard = Rng::with_seed(self.seed ^ shard as u64);
        Rng::with_seed(of_shard.u64(..) ^ node as u64).u64(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARDS: Shards = Shards { count: 64, copies: 2, room: 7 };

    fn assert_whole(placement: &Placement) {
        for (shard, holders) in placement.holders.iter().enumerate() {
            let mut nodes = holders.clone();
            nodes.sort_unstable();
            nodes.dedup();
            assert_eq!(nodes.len(), placement.shards.copies, "shard {shard} is on {holders:?}");
            assert!(nodes.iter().all(|node| placement.held[*node].is_some()), "{shard}: {holders:?}");
        }
        assert_eq!(placement.held().iter().sum::<usize>(), 64 * placement.shards.copies);
        assert!(placement.held().iter().all(|held| *held <= placement.shards.room), "{:?}", placement.held());
    }

    #[test]
    fn every_shard_has_its_copies_on_distinct_nodes_with_room_also_after_a_loss() {
        for seed in 0..20 {
            let (placement, nodes) = Placement::on_fewest(SHARDS, seed);
            assert!((20..=24).contains(&nodes), "{nodes}");
            assert_whole(&placement);
            for node in 0..nodes {
                let mut less = placement.clone();
                less.lose(node).unwrap();
                assert_whole(&less);
            }
        }
    }

    #[test]
    fn a_lost_node_moves_its_shards_and_no_others() {
        let (before, _) = Placement::on_fewest(SHARDS, 7);
        let mut after = before.clone();
        let lost = before.fullest();
        let moves = after.lose(lost).unwrap();
        assert_eq!(Some(moves.len()), before.held[lost]);
        for (shard, (was, is)) in before.holders.iter().zip(&after.holders).enumerate() {
            let Some(moved) = moves.iter().find(|moved| moved.shard == shard) else {
                assert_eq!(was, is);
                continue;
            };
            assert!(was.contains(&lost) && was.contains(&moved.from) && moved.from != lost);
            assert!(!was.contains(&moved.to) && is.contains(&moved.to) && is.contains(&moved.from));
        }
    }

    #[test]
    fn nodes_without_room_for_all_copies_are_refused() {
        assert!(Placement::new(SHARDS, 18, 1).is_none(), "128 copies on 18 nodes with room for 126");
        let (mut placement, _) = Placement::on_fewest(Shards { count: 1, copies: 2, room: 1 }, 1);
        assert!(placement.lose(placement.holders[0][0]).is_some());
        assert!(placement.lose(placement.holders[0][0]).is_none(), "one node is left for two copies");
    }

    #[test]
    fn equal_seeds_place_alike_and_more_room_needs_no_more_nodes() {
        let placed = |seed| Placement::new(SHARDS, 24, seed).unwrap().holders;
        assert_eq!(placed(3), placed(3));
        assert_ne!(placed(3), placed(4));
        let nodes = |room| Placement::on_fewest(Shards { room, ..SHARDS }, 3).1;
        assert!(nodes(14) < nodes(7));
        assert_eq!(nodes(128), 3, "two copies, and a node to lose");
    }
}
