//! What a node knows of the backbone, for operators. The tasks that use the backbone keep it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::elsewhere::{Elsewhere, Lookup};
use crate::node::Table;

/// How many unread messages and how much lag do not mean that a node is behind: they are new.
const FEW: u64 = 100;
const SHORT: Duration = Duration::from_secs(1);

/// How many unread messages mean that a node does not keep up, once it has: some seconds of a busy
/// herd. Between this and [`FEW`], a burst would make it count as behind again and again.
const MANY: u64 = 10_000;

/// The state of the backbone as one node sees it.
#[derive(Debug, Default)]
pub(crate) struct BackboneState {
    region: String,
    reads: bool,
    progress: Mutex<Progress>,
    /// The sequence of the stream up to which other nodes must have read to know what this node has
    /// dropped.
    dropped: AtomicU64,
    /// Notified when the table has grown.
    growth: Notify,
    /// Where to ask about clients that other nodes hold, if this one holds only some.
    elsewhere: OnceLock<Elsewhere>,
    is_connected: AtomicBool,
    is_reading: AtomicBool,
    /// The messages of the stream that this node has not read, and whether it keeps up with them.
    unread: AtomicU64,
    keeps_up: AtomicBool,
    /// When the oldest update that is not stored was noticed.
    waiting_since: Mutex<Option<Instant>>,
    pub(crate) messages_published: AtomicU64,
    pub(crate) bytes_published: AtomicU64,
    pub(crate) messages_read: AtomicU64,
    pub(crate) updates_fresh: AtomicU64,
    pub(crate) updates_stale: AtomicU64,
    pub(crate) updates_unacceptable: AtomicU64,
    pub(crate) messages_lost: AtomicU64,
    pub(crate) differences: AtomicU64,
}

/// How far a node has read the stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// The epoch of the stream.
    pub(crate) stream: u64,
    /// The sequence up to which the node has read.
    pub(crate) read: u64,
    /// The sequence of the last message that it has not read but skipped.
    pub(crate) skipped: u64,
    /// Whether it lacks nothing of the shards that it holds.
    pub(crate) is_whole: bool,
}

/// The state of the backbone at one moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BackboneStatus {
    /// The region of the node's herd.
    pub(crate) region: String,
    /// Whether this node reads what other regions have received.
    pub(crate) reads: bool,
    /// Whether the backbone stores what this node publishes.
    pub(crate) connected: bool,
    /// For how long the oldest update that is not stored has waited; 0 if there is none.
    pub(crate) lag_seconds: f64,
    pub(crate) messages_published: u64,
    pub(crate) bytes_published: u64,
    pub(crate) messages_read: u64,
    /// The updates in messages of other regions, by whether they were news.
    pub(crate) updates_fresh: u64,
    pub(crate) updates_stale: u64,
    pub(crate) updates_unacceptable: u64,
    /// Messages that no server could deliver.
    pub(crate) messages_lost: u64,
    /// Messages that this node has yet to read; 0 if it reads none.
    pub(crate) messages_unread: u64,
    /// Buckets of clients in which this region differed from another one, and which were published
    /// again.
    pub(crate) differences: u64,
    /// The shards that this node holds, and the number of records of other shards.
    pub(crate) holds: String,
    pub(crate) records_elsewhere: usize,
    /// The number of questions about clients of other shards, by what became of them.
    pub(crate) lookups: BTreeMap<&'static str, u64>,
}

impl BackboneState {
    pub(crate) fn new(region: &str, reads: bool) -> BackboneState {
        BackboneState { region: region.to_owned(), reads, ..BackboneState::default() }
    }

    pub(super) fn note_growth(&self) {
        self.growth.notify_one();
    }

    /// Waits until the table has grown since the last call.
    pub(crate) async fn grows(&self) {
        self.growth.notified().await;
    }

    /// Notes whether the backbone stores what this node publishes. Returns whether that is news.
    pub(crate) fn note_connected(&self, is_connected: bool) -> bool {
        self.is_connected.swap(is_connected, Ordering::Relaxed) != is_connected
    }

    /// Notes whether the node reads what other regions have received.
    pub(crate) fn note_reading(&self, is_reading: bool) {
        self.is_reading.store(is_reading, Ordering::Relaxed);
    }

    /// Notes how many messages of the stream the node has yet to read.
    pub(crate) fn note_unread(&self, count: u64) {
        self.unread.store(count, Ordering::Relaxed);
        if count <= FEW {
            self.keeps_up.store(true, Ordering::Relaxed);
        } else if count > MANY {
            self.keeps_up.store(false, Ordering::Relaxed);
        }
    }

    /// Lets questions about clients that other nodes hold come out of the channel that is returned.
    pub(crate) fn take_lookups(&self) -> mpsc::Receiver<Lookup> {
        let (elsewhere, lookups) = Elsewhere::new();
        // A node is on one backbone, which takes them once.
        let _ = self.elsewhere.set(elsewhere);
        lookups
    }

    /// Returns where to ask about such clients.
    pub(super) fn elsewhere(&self) -> Option<&Elsewhere> {
        self.elsewhere.get()
    }

    /// Notes how far the node has read the stream.
    pub(crate) fn note_progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Returns how far the node has read the stream.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the sequence of the stream up to which other nodes must have read to know what this
    /// node has dropped.
    pub(crate) fn note_dropped(&self, sequence: u64) {
        self.dropped.store(sequence, Ordering::Relaxed);
    }

    /// Returns that sequence.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Returns the number of messages that the node has yet to read.
    pub(crate) fn unread(&self) -> u64 {
        self.unread.load(Ordering::Relaxed)
    }

    /// Returns whether the node lacks nothing of the shards that it holds, but for what is new.
    pub(crate) fn is_whole(&self) -> bool {
        let is_true = |is: &AtomicBool| is.load(Ordering::Relaxed);
        self.progress().is_whole && is_true(&self.is_reading) && is_true(&self.keeps_up)
    }

    /// Returns whether the node has read and published all that it can, except what is new.
    pub(crate) fn is_up_to_date(&self) -> bool {
        let is_working = |works: &AtomicBool| works.load(Ordering::Relaxed);
        is_working(&self.is_connected)
            && is_working(&self.is_reading)
            && self.unread() <= FEW
            && self.lag() < SHORT
    }

    /// Notes since when the oldest update that is not stored waits; `None` if there is none.
    pub(crate) fn note_waiting(&self, since: Option<Instant>) {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Notes that an update that is not stored waits since `since`, unless an older one does.
    pub(crate) fn note_waiting_at_least(&self, since: Instant) {
        self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(since);
    }

    /// Returns for how long the oldest update that is not stored has waited.
    pub(crate) fn lag(&self) -> Duration {
        let since = *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the state. `table` is that of the node.
    pub(super) fn status(&self, table: &Table) -> BackboneStatus {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BackboneStatus {
            region: self.region.clone(),
            reads: self.reads,
            connected: self.is_connected.load(Ordering::Relaxed),
            lag_seconds: self.lag().as_secs_f64(),
            messages_published: load(&self.messages_published),
            bytes_published: load(&self.bytes_published),
            messages_read: load(&self.messages_read),
            updates_fresh: load(&self.updates_fresh),
            updates_stale: load(&self.updates_stale),
            updates_unacceptable: load(&self.updates_unacceptable),
            messages_lost: load(&self.messages_lost),
            messages_unread: load(&self.unread),
            differences: load(&self.differences),
            holds: table.shards().to_string(),
            records_elsewhere: table.elsewhere(),
            lookups: self.elsewhere().map_or_else(Elsewhere::no_counts, Elsewhere::counts),
        }
    }
}
