//! The task that publishes updates while somebody reads events.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::updates::{Report, Updates, sender};
use crate::server::shared::{Shared, clock, lock};

/// The interval between two events with updates.
const EVERY: Duration = Duration::from_millis(50);

/// The number of updates in one such event: 200 a second.
pub(super) const MOST_UPDATES: usize = 10;

/// Publishes updates until the node stops.
pub(in crate::server) async fn publish(shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    stop.run_until_cancelled(async {
        let mut readers = shared.events.readers.subscribe();
        loop {
            // The sender lives as long as the node.
            let _ = readers.wait_for(|readers| *readers > 0).await;
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !end_if_unread(&shared) {
                ticks.tick().await;
                publish_updates(&shared);
            }
        }
    })
    .await;
}

/// Ends sampling if nobody reads. Returns whether it did.
fn end_if_unread(shared: &Shared) -> bool {
    let mut store = lock(shared);
    // A reader is counted before it begins to sample, which it does under the same lock.
    let is_unread = *shared.events.readers.borrow() == 0;
    if is_unread {
        store.node.end_samples();
    }
    is_unread
}

fn publish_updates(shared: &Shared) {
    let mut store = lock(shared);
    let (samples, left_out) = store.node.take_samples(MOST_UPDATES);
    let senders: Vec<_> = samples.iter().map(|sample| sender(&store.node, sample)).collect();
    drop(store);
    if samples.is_empty() && left_out == 0 {
        return;
    }
    let now = clock();
    let reports = samples.iter().zip(senders).filter_map(|(sample, from)| Report::of(sample, from, now));
    shared.events.push("updates", &Updates { left_out, updates: reports.collect() });
}
