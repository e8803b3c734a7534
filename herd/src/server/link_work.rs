//! Wakes links when they have something to do.

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::node::NeighbourId;

/// Wakes the link with each neighbour. Nearly free if it does not wait.
#[derive(Debug)]
pub(super) struct LinkWork {
    /// By the place of the neighbour. The last one is for connections of which it is not known yet.
    links: Vec<Notify>,
}

impl LinkWork {
    pub(super) fn new(neighbours: usize) -> LinkWork {
        LinkWork { links: (0..=neighbours).map(|_| Notify::new()).collect() }
    }

    pub(super) fn has_neighbours(&self) -> bool {
        self.links.len() > 1
    }

    /// Returns a future that ends when the link with a neighbour is woken.
    pub(super) fn woken(&self, neighbour: Option<NeighbourId>) -> Notified<'_> {
        let place = neighbour.map_or(self.links.len() - 1, NeighbourId::index);
        self.links[place].notified()
    }

    /// Wakes the link with a neighbour.
    pub(super) fn wake(&self, neighbour: NeighbourId) {
        self.links[neighbour.index()].notify_waiters();
    }

    /// Wakes all links.
    pub(super) fn wake_all(&self) {
        self.links.iter().for_each(Notify::notify_waiters);
    }
}
