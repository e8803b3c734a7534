//! The task that publishes updates and refusals while somebody reads events.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::notices::Refusals;
use super::updates::{Report, Updates};
use crate::server::shared::{Shared, clock, lock};

/// The interval between two events with updates.
const EVERY: Duration = Duration::from_millis(50);

/// The number of updates in one such event: 200 a second.
pub(super) const MOST_UPDATES: usize = 10;

/// The interval between two counts of refusals.
const REFUSALS: Duration = Duration::from_secs(1);

/// Publishes updates and refusals until the node stops.
pub(in crate::server) async fn publish(shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    stop.run_until_cancelled(async {
        let mut readers = shared.events.readers.subscribe();
        loop {
            // The sender lives as long as the node.
            let _ = readers.wait_for(|readers| *readers > 0).await;
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut refusals = (Instant::now(), Refusals::of(&shared));
            while !end_if_unread(&shared) {
                let now = ticks.tick().await;
                publish_updates(&shared);
                if now >= refusals.0 + REFUSALS {
                    let known = Refusals::of(&shared);
                    known.publish_since(&refusals.1, &shared.events);
                    refusals = (now, known);
                }
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
    let senders: Vec<_> =
        samples.iter().map(|sample| sample.sender(&store.node).map(str::to_owned)).collect();
    drop(store);
    if samples.is_empty() && left_out == 0 {
        return;
    }
    let now = clock();
    let reports = samples.iter().zip(senders).filter_map(|(sample, from)| Report::of(sample, from, now));
    shared.events.push("updates", &Updates { left_out, updates: reports.collect() });
}
