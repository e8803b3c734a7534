//! The trees along which updates are flooded: one for each origin, the node that received a report
//! from a client.
//!
//! An update first goes over all links. A node takes the neighbour that brought it first as its
//! parent for that origin, and asks those that brought it later not to send the origin's updates
//! any more (`PRUNE`). What remains is a tree, over which an update takes one line for each node.
//! This is what Plumtree does (Leitao, Pereira and Rodrigues, "Epidemic Broadcast Trees", 2007),
//! with a tree for each origin, so that an update takes the shortest way from every node.
//!
//! A pruned direction of a link still announces what it leaves out, as sums of windows: see
//! [`LogReader`](super::link). If the announcement shows that something is missing, the node asks
//! for it, and takes that neighbour as its parent instead (`GRAFT`).

use std::time::Duration;

use smallvec::SmallVec;

use super::Node;
use super::neighbours::NeighbourId;
use super::table::Outcome;

/// The parents of a node.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// By the number of the origin.
    branches: Vec<Branch>,
}

/// What a node knows of the tree of one origin.
#[derive(Clone, Copy, Debug, Default)]
struct Branch {
    parent: Option<NeighbourId>,
    /// The neighbour that was last asked to send the origin's updates too, to see whether it is
    /// faster than the parent, and when that was.
    tried: Option<NeighbourId>,
    tried_at: Duration,
    /// The number of updates since then.
    updates: u32,
    /// The window of the last update that came over the tree, and when it came.
    window: u64,
    came_at: Duration,
}

/// How many updates of an origin must have arrived, and how much time must have passed, before
/// another neighbour is tried. A trial doubles the updates until the neighbour has heard `PRUNE`,
/// so the first bound limits its cost in a herd with little to do, and the second in one with much.
const TRIAL_UPDATES: u32 = 1000;
const TRIAL_TIME: Duration = Duration::from_secs(5);

impl Trees {
    pub(super) fn parent(&self, origin: u16) -> Option<NeighbourId> {
        self.branches.get(usize::from(origin)).and_then(|branch| branch.parent)
    }

    /// Notes that an update of an origin came over the tree.
    pub(super) fn note_progress(&mut self, origin: u16, window: u64, now: Duration) {
        let branch = self.branch(origin);
        branch.window = window;
        branch.came_at = now;
    }

    /// Returns whether the updates of an origin that came since `since` have not got further than
    /// `window`. They come in their order, so what is missing in that window may still come.
    pub(super) fn is_behind(&self, origin: u16, window: u64, since: Duration) -> bool {
        let branch = self.branches.get(usize::from(origin));
        branch.is_some_and(|branch| branch.window <= window && branch.came_at > since)
    }

    fn branch(&mut self, origin: u16) -> &mut Branch {
        let place = usize::from(origin);
        if self.branches.len() <= place {
            self.branches.resize(place + 1, Branch::default());
        }
        &mut self.branches[place]
    }
}

impl Node {
    /// Learns from an update of an origin which neighbour sends its updates first. `from` sent it,
    /// in answer to a `WANT` if `is_repair`.
    pub(super) fn note_sender(
        &mut self,
        from: NeighbourId,
        origin: u16,
        outcome: Outcome,
        is_repair: bool,
        now: Duration,
    ) {
        let is_pruned = self.neighbours[from].pruned.contains(origin);
        match outcome {
            // The parent may only be late. From now on both send, and the first one is the parent.
            Outcome::Fresh if is_repair => self.neighbours[from].pruned.remove(origin),
            Outcome::Fresh if !is_pruned => {
                let branch = self.trees.branch(origin);
                branch.parent = Some(from);
                branch.updates = branch.updates.saturating_add(1);
                if branch.updates >= TRIAL_UPDATES && now >= branch.tried_at + TRIAL_TIME {
                    self.try_another(origin, now);
                }
            }
            Outcome::Stale if !is_repair && !is_pruned && self.has_other_parent(origin, from) => {
                self.neighbours[from].pruned.insert(origin);
            }
            Outcome::Fresh | Outcome::Stale => {}
        }
    }

    /// Returns whether the updates of an origin come from somewhere else than `neighbour`.
    fn has_other_parent(&self, origin: u16, neighbour: NeighbourId) -> bool {
        match self.trees.parent(origin) {
            Some(parent) => parent != neighbour,
            None => self.table.origin_name(origin) == self.name,
        }
    }

    /// Asks the next neighbour that has been pruned to send the updates of an origin.
    fn try_another(&mut self, origin: u16, now: Duration) {
        let Node { neighbours, trees, .. } = self;
        let branch = trees.branch(origin);
        let pruned =
            || neighbours.iter().map(|(id, _)| id).filter(|id| neighbours[*id].pruned.contains(origin));
        let next = pruned().find(|id| Some(*id) > branch.tried).or_else(|| pruned().next());
        branch.tried = next;
        branch.tried_at = now;
        branch.updates = 0;
        if let Some(next) = next {
            neighbours[next].pruned.remove(origin);
        }
    }

    /// Asks all neighbours to send the updates of an origin.
    fn graft_all(&mut self, origin: u16) {
        self.neighbours.iter_mut().for_each(|neighbour| neighbour.pruned.remove(origin));
    }

    /// Forgets a neighbour whose link has ended: the other neighbours send the updates that came
    /// from it.
    pub(super) fn lose_parent(&mut self, neighbour: NeighbourId) {
        for origin in 0..self.trees.branches.len() as u16 {
            let branch = self.trees.branch(origin);
            if branch.parent.take_if(|parent| *parent == neighbour).is_some() {
                self.graft_all(origin);
            }
        }
    }

    /// Notes that a neighbour has pruned an origin, or wants its updates again.
    pub(super) fn take_prune(&mut self, neighbour: NeighbourId, origin: &str, is_pruned: bool) {
        // An origin that this node has no record of has nothing to be sent.
        let Some(origin) = self.table.origin(origin.as_bytes()) else { return };
        let lazy = &mut self.neighbours[neighbour].lazy;
        if is_pruned { lazy.insert(origin) } else { lazy.remove(origin) }
    }

    /// Returns of how many origins this node announces updates to a neighbour instead of sending
    /// them.
    pub fn origins_left_out(&self, neighbour: NeighbourId) -> usize {
        self.neighbours[neighbour].lazy.len()
    }

    /// Returns of how many origins a neighbour announces updates to this node instead of sending
    /// them.
    pub fn origins_left_out_by(&self, neighbour: NeighbourId) -> usize {
        self.neighbours[neighbour].pruned.len()
    }

    /// Returns the neighbours whose links have something to do since the table has grown. Call it
    /// when the table has changed, or when links may send more of it.
    pub fn take_growth(&mut self) -> SmallVec<[NeighbourId; 8]> {
        let Node { neighbours, table, .. } = self;
        let growth = table.growth();
        let mut wakes = SmallVec::new();
        for (id, neighbour) in neighbours.iter_with_ids_mut() {
            if growth.concerns(id, |origin| neighbour.is_idle || !neighbour.lazy.contains(origin)) {
                neighbour.is_idle = false;
                wakes.push(id);
            }
        }
        if self.last_to_say() == self.table.head() {
            self.table.reset_growth();
        }
        wakes
    }
}
