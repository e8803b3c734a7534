//! The task that compares what this region has with what other regions have.
//!
//! Each node that reads the stream says its sum from time to time. A node of another region whose
//! sum differs asks for the sums of all buckets of clients. Under load, regions always differ in
//! what is on its way, but not twice in the same buckets: only those are published again. Both
//! sides do this, since either may have what the other one lacks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::{debug, warn};

use super::engine::{Engine, Subject, parsed};
use super::failure::Failure;
use super::requests::{BucketsRequest, Sum};
use super::settings::Settings;
use crate::ambient;
use crate::node::{Buckets, RegionSums, Selection};
use crate::server::{BackboneState, TableAccess};

/// The pause before another attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the sums of a node may take: it reads a table of ten million clients in some seconds.
const FOR_SUMS: Duration = Duration::from_secs(30);

/// How many windows ago an update must have been received to be compared: about ten seconds, so
/// that it has reached all regions.
const RECENT: u64 = 150;

/// Compares until the node stops. What differs is sent to `again`.
pub(super) async fn run(
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    every: Duration,
    again: mpsc::Sender<Selection>,
) {
    let closing = access.closing();
    let mut task = Comparing { engine, state, access, every, again, seen: BTreeMap::new() };
    let compare = async {
        loop {
            if let Err(failure) = task.compare().await {
                debug!(reason = %failure, "regions are compared later");
            }
            sleep(PAUSE).await;
        }
    };
    closing.run_until_cancelled(compare).await;
}

struct Comparing {
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    every: Duration,
    again: mpsc::Sender<Selection>,
    /// The last comparison with each region, by its name.
    seen: BTreeMap<String, Compared>,
}

/// A comparison whose sums differed.
struct Compared {
    at: Instant,
    differ: Buckets,
}

impl Comparing {
    /// Compares until the backbone fails.
    async fn compare(&mut self) -> Result<(), Failure> {
        let Settings { region, node, .. } = &self.engine.settings;
        let sums = self.engine.listen(Subject::Sums).await?;
        let requests = self.engine.listen(Subject::Buckets { region, node }).await?;
        let (engine, state, access) =
            (Arc::clone(&self.engine), Arc::clone(&self.state), self.access.clone());
        let said = say_sums(&engine, &state, &access, self.every);
        let answered = answer_requests(&engine, &access, requests);
        tokio::try_join!(said, answered, self.take_sums(sums)).map(drop)
    }

    async fn take_sums(&mut self, mut sums: Subscriber) -> Result<(), Failure> {
        while let Some(message) = sums.next().await {
            let Some(theirs) = parsed::<Sum>(&message) else { continue };
            let Settings { region, shards, .. } = &self.engine.settings;
            if theirs.region == *region || theirs.shards != *shards {
                continue;
            }
            let clock = self.access.clock();
            let (sum, is_comparable) = self.access.change(|node| {
                node.hear_forgotten(theirs.forgotten, clock);
                (node.table().sum(), node.has_forgotten(theirs.forgotten))
            });
            if !is_comparable {
                // One of the two has not forgotten yet what the other one has: they agree later.
            } else if theirs.sum == sum {
                self.seen.remove(&theirs.region);
            } else if self.state.is_up_to_date() && self.is_due(&theirs.region) {
                match self.differences(&theirs).await {
                    Ok(differ) => self.note_differences(theirs.region, differ).await,
                    Err(failure) => debug!(reason = %failure, "regions are compared later"),
                }
            }
        }
        Ok(())
    }

    /// Returns whether a region was not compared lately: all of its nodes that read say their sums.
    fn is_due(&self, region: &str) -> bool {
        self.seen.get(region).is_none_or(|seen| seen.at.elapsed() > self.every / 2)
    }

    /// Returns the buckets in which a node of another region differs from this one.
    async fn differences(&self, theirs: &Sum) -> Result<Buckets, Failure> {
        let now = self.access.clock().window();
        let request = BucketsRequest { seed: ambient::random(), before: now.saturating_sub(RECENT) };
        let of = Subject::Buckets { region: &theirs.region, node: &theirs.node };
        let answer = self.engine.ask(of, request.to_string(), FOR_SUMS).await?;
        let ours = sums_of(&self.access, request).await;
        ours.differences(&answer.payload).ok_or(Failure::NoSums)
    }

    /// Publishes again what has differed twice.
    async fn note_differences(&mut self, region: String, differ: Buckets) {
        let before = self.seen.get(&region).map(|seen| &seen.differ);
        let twice: Buckets = before.map(|before| before & &differ).unwrap_or_default();
        if !twice.is_empty() {
            warn!(region, buckets = twice.len(), "another region differs; what both have is published again");
            self.state.differences.fetch_add(twice.len() as u64, Ordering::Relaxed);
            // Fails if the node stops.
            let _ = self.again.send(Selection::Clients(twice)).await;
        }
        self.seen.insert(region, Compared { at: Instant::now(), differ });
    }
}

/// Says the sum of this node from time to time, while it knows all that it can.
async fn say_sums(
    engine: &Engine,
    state: &BackboneState,
    access: &TableAccess,
    every: Duration,
) -> Result<(), Failure> {
    let Settings { region, node, shards, .. } = &engine.settings;
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (sum, forgotten, is_comparable) = access.look(|node| {
            let forgotten = node.told_horizon();
            (node.table().sum(), forgotten, node.has_forgotten(forgotten))
        });
        if is_comparable && state.is_up_to_date() {
            let sum = Sum { region: region.clone(), node: node.clone(), sum, forgotten, shards: *shards };
            engine.say(Subject::Sums, sum.to_string()).await?;
        }
    }
}

/// Answers the requests of other regions for the sums of buckets.
async fn answer_requests(
    engine: &Engine,
    access: &TableAccess,
    mut requests: Subscriber,
) -> Result<(), Failure> {
    while let Some(message) = requests.next().await {
        if let Some(request) = parsed(&message) {
            let sums = sums_of(access, request).await;
            engine.answer(&message, sums.to_bytes()).await?;
        }
    }
    Ok(())
}

/// Computes the sums of all buckets, in pieces, so that others have their turns.
async fn sums_of(access: &TableAccess, request: BucketsRequest) -> RegionSums {
    let BucketsRequest { seed, before } = request;
    let mut sums = access.look(|node| RegionSums::begin(node, seed, before));
    while !access.look(|node| sums.add_piece(node)) {
        yield_now().await;
    }
    sums
}
