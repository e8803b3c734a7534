//! The state that all tasks of a node share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin_token::AdminToken;
use super::backbone_state::BackboneState;
use super::buffers::LargeBuffers;
use super::dial_errors::DialErrors;
use super::disk_wait::DiskWaits;
use super::durations::Durations;
use super::events::Events;
use super::keeper::Keeper;
use super::link_work::LinkWork;
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

/// The state that all tasks of a node share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) store: Mutex<Store>,
    /// Wakes links when they have something to do.
    pub(super) link_work: LinkWork,
    /// Wakes the thread of the journal.
    pub(super) keeper: Keeper,
    pub(super) disk_waits: Arc<DiskWaits>,
    /// Apart from the rest, since clients' threads write to it.
    pub(super) durations: Box<Durations>,
    /// The answers and updates that no longer wait for the disk or the backbone.
    pub(super) settled: watch::Sender<Settled>,
    /// Changes when a link comes up or goes down.
    pub(super) link_change: watch::Sender<()>,
    pub(super) large_buffers: LargeBuffers,
    pub(super) client_seats: Seats,
    /// The seats of connections on the link port that are not yet links.
    pub(super) link_seats: Seats,
    /// The accepted host names in requests on the admin port.
    pub(super) admin_hosts: Vec<String>,
    pub(super) events: Events,
    /// The permit of the one thread that searches the table for an operator.
    pub(super) searches: Arc<Semaphore>,
    pub(super) new_ids: NewIdsByAddress,
    pub(super) memory: Memory,
    pub(super) repeats: Repeats,
    /// The number of connections accepted since the start, by [`Port`].
    pub(super) accepted: [AtomicU64; Port::ALL.len()],
    /// The number of clients rejected since the start.
    pub(super) refused: AtomicU64,
    /// The number of clients whose TLS handshakes have failed since the start.
    pub(super) handshakes_failed: AtomicU64,
    pub(super) workers: Workers,
    pub(super) places: Places,
    /// The size of the largest recent answer of the Places service, in bytes.
    pub(super) places_bytes: AtomicUsize,
    pub(super) encryption: Arc<Encryption>,
    /// The token that allows requests to remove clients.
    pub(super) admin_token: Option<AdminToken>,
    /// The number of rejected connections on the link port, without second connections of a linked
    /// neighbour.
    pub(super) links_refused: AtomicU64,
    /// The errors of dials.
    pub(super) dial_errors: DialErrors,
    pub(super) next_link: AtomicU64,
    /// The origin of monotonic time.
    pub(super) started: Instant,
    /// Cancelled when the node stops reading from clients.
    pub(super) stop: CancellationToken,
    /// Cancelled when answers no longer wait for places.
    pub(super) stop_places: CancellationToken,
    /// Cancelled when the table no longer changes: links end once they have sent it.
    pub(super) stop_links: CancellationToken,
    /// The tasks that may change the table: the conversations with clients.
    pub(super) conversations: TaskTracker,
    /// All other tasks.
    pub(super) tasks: TaskTracker,
    /// What is known of the backbone, if this node is on one.
    pub(super) backbone: OnceLock<Arc<BackboneState>>,
}

impl Shared {
    /// Waits until clients may learn of everything up to `sequence`. Returns `false` if the disk or
    /// the backbone fails and the node is strict.
    pub(super) async fn settles(&self, sequence: u64) -> bool {
        let mut settled = self.settled.subscribe();
        // The sender lives as long as the node.
        settled.wait_for(|now| now.refuses || now.answers >= sequence).await.is_ok_and(|now| !now.refuses)
    }

    /// Records that clients have changed the table up to the sequence `head`, when this was
    /// `settled`. Links send the changes once they no longer wait for the disk.
    pub(super) fn note_growth(self: &Arc<Self>, settled: Settled, head: u64) {
        Keeper::wake_for(self, head);
        if settled.upto == u64::MAX {
            self.wake_links();
        }
    }

    /// Publishes to clients and links what no longer waits for the disk.
    pub(super) fn settle(&self) {
        self.settle_answers();
        self.wake_links();
    }

    /// Publishes to clients what no longer waits for the disk or the backbone. The threads of both
    /// call this, so it is looked up while no other thread publishes: an older value must not
    /// replace a newer one. Nobody looks at the published value while the store is locked.
    pub(super) fn settle_answers(&self) {
        self.settled.send_if_modified(|known| {
            let settled = lock(self).settled();
            std::mem::replace(known, settled) != settled
        });
    }

    /// Records the size of an answer of the Places service. The effect of a single large answer
    /// fades.
    pub(super) fn note_places(&self, bytes: usize) {
        let of_late = self.places_bytes.load(Ordering::Relaxed);
        self.places_bytes.store(bytes.max(of_late - of_late / 16), Ordering::Relaxed);
    }

    /// Counts and logs a rejected connection on the link port.
    pub(super) fn refuse_link(&self, what: &'static str, neighbour: Option<&str>, reason: &str, peer: &str) {
        self.links_refused.fetch_add(1, Ordering::Relaxed);
        self.warn(what, neighbour, reason, peer);
    }

    /// Logs a warning about an event that a remote side can repeat; repeated warnings are summed
    /// up.
    pub(super) fn warn(&self, what: &'static str, neighbour: Option<&str>, reason: &str, peer: &str) {
        self.repeats.warn(self.now(), Event { what, neighbour, reason, peer });
    }

    /// Monotonic time since the start, as links use it.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Wakes the links that have something to do since the table has changed, and the backbone.
    fn wake_links(&self) {
        if let Some(backbone) = self.backbone.get() {
            backbone.note_growth();
        }
        if self.link_work.has_neighbours() {
            let neighbours = lock(self).node.take_growth();
            neighbours.into_iter().for_each(|neighbour| self.link_work.wake(neighbour));
        }
    }

    /// Wakes the dialling tasks, since a link has come up or gone down, and the links, which may
    /// have been replaced, and which may have to send what another one sent before.
    pub(super) fn announce_link_change(&self) {
        self.link_change.send_replace(());
        self.link_work.wake_all();
    }

    pub(super) fn new_link_id(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Ordering::Relaxed))
    }
}

/// Locks the store. A poisoned lock is used: the panic has been logged, and the other tasks serve
/// on.
pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, Store> {
    shared.store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wall clock.
pub(super) fn clock() -> Time {
    Time::from(ambient::now())
}
