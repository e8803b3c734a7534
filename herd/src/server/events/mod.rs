//! `GET /events` on the admin port: what happens at this node, as server-sent events.
//!
//! Events are in a bounded [ring](ring), which each reader reads at its own pace. Updates are
//! sampled by the [node](crate::node::Node::begin_samples) and published a few times a second,
//! while somebody reads; while nobody does, they cost nothing.

mod notices;
mod publisher;
mod ring;
mod route;
mod updates;

pub(super) use publisher::publish;
pub(super) use route::stream;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::shared::clock;
use crate::message::Time;
use ring::Ring;

/// The latest events of a node, and who reads them.
#[derive(Debug)]
pub(super) struct Events {
    ring: Mutex<Ring>,
    /// The id of the last event.
    last: watch::Sender<u64>,
    /// The number of readers.
    readers: watch::Sender<usize>,
}

impl Events {
    /// No events yet, and room for `most`. Ids begin with the wall clock in milliseconds, so they
    /// are larger than those of the node's last life.
    pub(super) fn new(most: usize) -> Events {
        let ring = Ring::new(most, milliseconds(clock()).max(1));
        let last = watch::Sender::new(ring.last());
        Events { ring: Mutex::new(ring), last, readers: watch::Sender::new(0) }
    }

    /// Adds an event.
    fn push(&self, kind: &'static str, data: &impl Serialize) {
        // Cannot fail: the data are structs of texts and numbers.
        let data = serde_json::to_string(data).unwrap_or_default();
        // Under the lock, so that ids are sent in their order.
        let mut ring = self.ring();
        self.last.send_replace(ring.push(kind, data));
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The milliseconds since 1970.
fn milliseconds(time: Time) -> u64 {
    time.microseconds() / 1000
}
