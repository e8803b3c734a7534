//! Checks that a node runs a few times a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::shared::{Shared, lock};

/// The interval between two rounds of checks.
const EVERY: Duration = Duration::from_millis(250);

/// Runs the checks until the node stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    stop.run_until_cancelled(async {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut full = Full::default();
        loop {
            ticks.tick().await;
            let now = shared.now();
            shared.memory.look();
            shared.repeats.flush(now);
            shared.places.flush_log();
            shared.new_ids.forget_before(now);
            full.look(&shared, now);
        }
    })
    .await;
}

/// Logs from time to time that new client ids are rejected.
#[derive(Default)]
struct Full {
    next: Duration,
}

impl Full {
    fn look(&mut self, shared: &Shared, now: Duration) {
        let store = lock(shared);
        let clients = store.node.table().len();
        let table_full = store.node.is_full();
        let refused = store.node.ids_refused();
        drop(store);
        if now < self.next || !table_full && !shared.memory.is_full() {
            return;
        }
        self.next = now + shared.limits.log_repeat;
        if table_full {
            warn!(clients, refused, "the table of clients is full; new client ids are rejected");
        }
        if let (true, Some(bound)) = (shared.memory.is_full(), shared.memory.bound()) {
            warn!(clients, refused, bound, "the memory limit is reached; new client ids are rejected");
        }
    }
}
