//! The steps of a stop.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::shared::{Shared, lock};
use super::store::Durability;

/// The time after the start of a stop when its first step ends: pending requests for places are
/// dropped.
const STOP_PLACES: Duration = Duration::from_millis(1000);

/// The time when the second step ends: clients have their last answers, and links send the last
/// updates and end.
const STOP_CLIENTS: Duration = Duration::from_millis(1300);

/// The time when the third step ends: all connections are dropped.
const STOP: Duration = Duration::from_millis(1700);

/// The time when the last step ends: the journal is closed, if the disk is fast. This is well
/// within the two seconds of a stop. A journal that is not closed is like that of a node that
/// crashed.
const STOP_DISK: Duration = Duration::from_millis(1850);

impl Shared {
    /// Runs the steps of a stop that began at `began`. Returns whether all connections were closed
    /// in time.
    pub(super) async fn wind_down(&self, began: Instant) -> bool {
        self.conversations.close();
        if timeout_at(began + STOP_PLACES, self.conversations.wait()).await.is_err() {
            self.stop_places.cancel();
            let _ = timeout_at(began + STOP_CLIENTS, self.conversations.wait()).await;
        }
        self.stop_links.cancel();
        self.tasks.close();
        let all_closed = timeout_at(began + STOP, self.tasks.wait()).await.is_ok();
        if lock(self).durability != Durability::Off {
            let _ = timeout_at(began + STOP_DISK, self.keeper.close()).await;
        }
        all_closed
    }

    /// Logs the counters of the node, for operators without metrics.
    pub(super) fn log_sums(&self) {
        let places = self.places.counters();
        tracing::info!(
            requests = places.requests,
            joined = places.joined,
            mean_seconds = places.mean_latency().as_secs_f64(),
            longest_seconds = places.longest_latency.as_secs_f64(),
            breaker = self.places.breaker_state(),
            "places service"
        );
        for (outcome, questions) in self.places.outcomes().into_iter().filter(|(_, questions)| *questions > 0)
        {
            tracing::info!(outcome, questions, "places asked for");
        }
        let updates = lock(self).node.counters();
        tracing::info!(
            sent = updates.said,
            fresh = updates.fresh,
            stale = updates.stale,
            unacceptable = updates.unacceptable,
            bytes = updates.said_bytes,
            announcement_bytes = updates.announcement_bytes,
            "updates flooded"
        );
    }
}
