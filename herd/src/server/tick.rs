//! Checks that a node runs a few times a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;

use super::shared::{Shared, clock, lock};

/// The interval between two rounds of checks.
const EVERY: Duration = Duration::from_millis(250);

/// The pause between two pieces of clients that are forgotten, so that clients and links get the
/// lock for most of the time, also while a table of millions of clients is read.
const REST: Duration = Duration::from_millis(1);

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
            while lock(&shared).node.forget_old(clock()) {
                sleep(REST).await;
            }
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
            shared.events.warn("table", &format!("the table is full with {clients} clients"));
        }
        if let (true, Some(bound)) = (shared.memory.is_full(), shared.memory.bound()) {
            warn!(clients, refused, bound, "the memory limit is reached; new client ids are rejected");
            shared.events.warn("memory", &format!("the memory limit of {bound} bytes is reached"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Member;
    use crate::message::Time;
    use crate::node::{Limits, Lives, Node};
    use crate::places::{Places, Provider};
    use crate::server::{Server, Store};
    use crate::tls::Encryption;

    /// A node that has room for one client.
    async fn server(log_repeat: Duration) -> Server {
        let any = "127.0.0.1:0".parse().unwrap();
        let member = Member {
            name: "Alford".to_owned(),
            client: any,
            link: any,
            advertise: None,
            admin: None,
            metrics: None,
            neighbours: Vec::new(),
            holds: None,
        };
        let limits = Limits { distinct_clients: 1, log_repeat, ..Limits::default() };
        let places = Places::new(Provider::Nobody, &limits);
        let node = Node::new("Alford", &[], limits, Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
        let store = Store::in_memory(node);
        let encryption = Arc::new(Encryption::default());
        Server::bind(&member, None, 1, store, places, encryption, Default::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_table_is_looked_for_always_and_reported_once_in_a_while() {
        let (often, start) = (Duration::from_secs(60), Duration::from_secs(5));
        let shared = server(often).await.shared;
        let mut full = Full::default();
        full.look(&shared, start);
        assert_eq!(full.next, Duration::ZERO, "there is room");
        let time = Time { seconds: 1, nanoseconds: 0 };
        lock(&shared).node.answer(b"IAMAT kiwi +1+1 1", time, &mut Vec::new());
        let soon = start + Duration::from_millis(1);
        for (now, next) in [(start, start + often), (soon, start + often), (start + often, start + 2 * often)]
        {
            full.look(&shared, now);
            assert_eq!(full.next, next, "{now:?}");
        }
    }
}
