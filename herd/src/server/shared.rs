//! What all tasks of a node share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin_token::AdminToken;
use super::buffers::LargeBuffers;
use super::dial_errors::DialErrors;
use super::disk_wait::DiskWaits;
use super::keeper::Keeper;
use super::memory::Memory;
use super::new_ids::NewIdsByAddress;
use super::port::Port;
use super::seats::Seats;
use super::store::{Settled, Store};
use super::workers::Workers;
use crate::ambient;
use crate::message::Time;
use crate::node::{Limits, LinkId};
use crate::places::Places;
use crate::repeats::{Event, Repeats};
use crate::tls::Encryption;

/// What all tasks of a node share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) store: Mutex<Store>,
    /// Wakes the links when the change log has grown. Costs next to nothing when none of them waits for that.
    pub(super) log_growth: Notify,
    /// Wakes the journal's thread.
    pub(super) keeper: Keeper,
    pub(super) disk_waits: Arc<DiskWaits>,
    /// What need not wait for the disk any more.
    pub(super) settled: watch::Sender<Settled>,
    /// Ticks when a link has come or gone.
    pub(super) link_change: watch::Sender<()>,
    pub(super) large_buffers: LargeBuffers,
    pub(super) client_seats: Seats,
    /// For connections on the link port that are not links yet.
    pub(super) link_seats: Seats,
    pub(super) admin_seats: Seats,
    /// The names of hosts by which the admin port may be asked.
    pub(super) admin_hosts: Vec<String>,
    pub(super) new_ids: NewIdsByAddress,
    pub(super) memory: Memory,
    pub(super) repeats: Repeats,
    /// Connections accepted since the start, by [`Port`].
    pub(super) accepted: [AtomicU64; Port::ALL.len()],
    /// Clients refused since the start.
    pub(super) refused: AtomicU64,
    pub(super) workers: Workers,
    pub(super) places: Places,
    /// How large answers of the Places service are: the largest of late, in bytes.
    pub(super) places_bytes: AtomicUsize,
    pub(super) encryption: Arc<Encryption>,
    /// What allows to remove clients on the admin port.
    pub(super) admin_token: Option<AdminToken>,
    /// Connections on the link port that did not become links, and were not of a neighbour that has another one.
    pub(super) links_refused: AtomicU64,
    /// Why neighbours could not be dialled.
    pub(super) dial_errors: DialErrors,
    pub(super) next_link: AtomicU64,
    /// Monotonic time is counted from here.
    pub(super) started: Instant,
    /// Nothing new is taken from clients any more.
    pub(super) stop: CancellationToken,
    /// Places are not waited for any more.
    pub(super) stop_places: CancellationToken,
    /// The table does not change any more: links end once they have said what is in it.
    pub(super) stop_links: CancellationToken,
    /// Conversations with clients: what may still change the table.
    pub(super) conversations: TaskTracker,
    /// Everything else.
    pub(super) tasks: TaskTracker,
}

impl Shared {
    /// Waits until the disk has everything up to `sequence`. Returns whether it has: not while it fails and nothing may be
    /// told.
    pub(super) async fn settles(&self, sequence: u64) -> bool {
        let mut settled = self.settled.subscribe();
        // The sender lives as long as the node.
        settled.wait_for(|now| now.refuses || now.upto >= sequence).await.is_ok_and(|now| !now.refuses)
    }

    /// Notes that clients have changed the table, when this was `settled`. Links say what is new as soon as it need not
    /// wait for the disk.
    pub(super) fn note_growth(&self, settled: Settled) {
        self.keeper.wake();
        if settled.upto == u64::MAX {
            self.announce_growth();
        }
    }

    /// Tells clients and links what need not wait for the disk any more.
    pub(super) fn settle(&self, settled: Settled) {
        self.settled.send_if_modified(|known| std::mem::replace(known, settled) != settled);
        self.announce_growth();
    }

    /// Notes how large an answer of the Places service was. A single large one is forgotten after a while.
    pub(super) fn note_places(&self, bytes: usize) {
        let of_late = self.places_bytes.load(Ordering::Relaxed);
        self.places_bytes.store(bytes.max(of_late - of_late / 16), Ordering::Relaxed);
    }

    /// Counts a connection on the link port that did not become a link, and warns of it.
    pub(super) fn refuse_link(&self, what: &'static str, neighbour: Option<&str>, reason: &str, peer: &str) {
        self.links_refused.fetch_add(1, Ordering::Relaxed);
        self.warn(what, neighbour, reason, peer);
    }

    /// Warns of something that strangers or neighbours can make happen again and again.
    pub(super) fn warn(&self, what: &'static str, neighbour: Option<&str>, reason: &str, peer: &str) {
        self.repeats.warn(self.now(), Event { what, neighbour, reason, peer });
    }

    /// Monotonic time, as the links count it.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells the links that the log has grown.
    pub(super) fn announce_growth(&self) {
        self.log_growth.notify_waiters();
    }

    /// Tells the diallers that a link has come or gone, and the links that they may have been replaced.
    pub(super) fn announce_link_change(&self) {
        self.link_change.send_replace(());
        self.log_growth.notify_waiters();
    }

    pub(super) fn new_link_id(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Ordering::Relaxed))
    }
}

/// Locks the store. A task that panicked while it held the lock was told so loudly; the others serve on.
pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, Store> {
    shared.store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wall clock.
pub(super) fn clock() -> Time {
    Time::from(ambient::now())
}
