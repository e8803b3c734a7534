//! Access to the table of a running node, for a reader of its change log and writer of updates that
//! is not a link.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::backbone_state::BackboneState;
use super::shared::{Shared, clock, lock};
use super::store::Store;
use crate::message::{Time, Update};
use crate::node::Node;

/// Access to the table of a running node. All copies are for the same node.
#[derive(Clone, Debug)]
pub struct TableAccess {
    shared: Arc<Shared>,
}

impl TableAccess {
    pub(super) fn of(shared: &Arc<Shared>) -> TableAccess {
        TableAccess { shared: Arc::clone(shared) }
    }

    /// Calls `look` with the node, which is locked meanwhile: `look` must be quick.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Node) -> T) -> T {
        look(&lock(&self.shared).node)
    }

    /// Calls `change` with the node, which is locked meanwhile, and wakes the links and the journal
    /// if the table has grown.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Node) -> T) -> T {
        let mut store = lock(&self.shared);
        let settled = store.settled();
        let before = store.node.table().head();
        let result = change(&mut store.node);
        let head = store.node.table().head();
        drop(store);
        if head > before {
            self.shared.note_growth(settled, head);
        }
        result
    }

    /// Makes answers wait until the backbone has what they are about.
    pub(crate) fn wait_for_backbone(&self) {
        self.settle(Store::wait_for_backbone);
    }

    /// Notes the sequence up to which the backbone has what this node received, and releases the
    /// answers that waited for it.
    pub(crate) fn note_stored(&self, stored: u64) {
        self.settle(|store| store.note_stored(stored));
    }

    /// Notes whether the backbone stores nothing, so that answers do not wait for it. Returns
    /// whether that is news.
    pub(crate) fn note_backbone_fails(&self, fails: bool) -> bool {
        self.settle(|store| store.note_backbone_fails(fails))
    }

    fn settle(&self, note: impl FnOnce(&mut Store) -> bool) -> bool {
        let is_news = note(&mut lock(&self.shared));
        if is_news {
            self.shared.settle_answers();
        }
        is_news
    }

    /// Returns whether the node may not add clients, because its memory limit is reached.
    pub(crate) fn is_memory_full(&self) -> bool {
        self.shared.memory.is_full()
    }

    /// Returns whether the node would keep an update of a client that it has no record of.
    pub(crate) fn would_add_client(&self, update: &Update<'_>) -> bool {
        self.look(|node| {
            let table = node.table();
            let is_kept = table.shards().holds(update.client.as_bytes()) || update.removals > 0;
            is_kept && table.get_even_removed(update.client).is_none()
        })
    }

    /// Returns the wall clock.
    pub(crate) fn clock(&self) -> Time {
        clock()
    }

    /// Returns the token that is cancelled when the table no longer changes, because the node
    /// stops. What is spawned has some time then to send what is left.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.shared.stop_links.clone()
    }

    /// Runs a task that the node waits for when it stops, within the bounds of a stop.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.tasks.spawn(task);
    }

    /// Shows the state of the backbone to operators, and tells it when the table has grown.
    pub(crate) fn show_backbone(&self, state: Arc<BackboneState>) {
        // A node is on one backbone, which is shown once.
        let _ = self.shared.backbone.set(state);
    }

    /// Shows a warning on the live page.
    pub(crate) fn warn(&self, text: &str) {
        self.shared.events.warn("backbone", text);
    }
}
