//! The shell: sockets, tasks, clocks and a disk around a [`Node`](crate::node::Node).
//!
//! One task a connection, and one for each neighbour that dials it while there is no link. All share one
//! [`Store`] behind a lock that is taken once for everything that has been read, never across an await. Links, and
//! with one thread clients too, are served by the runtime that [`Server::run`] runs on.

mod accept;
mod admin;
mod answers;
mod buffers;
mod build;
mod client;
mod dial;
mod dial_errors;
mod disk_wait;
mod keeper;
mod linger;
mod link;
mod link_log;
mod memory;
mod metrics;
mod new_ids;
mod port;
mod process;
mod pulse;
mod removal;
mod seats;
mod status;
mod store;
mod tick;
mod turns;
mod workers;

pub use pulse::Pulse;
pub use removal::AdminToken;
pub use store::{Durability, Store};

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ambient;
use crate::config::Member;
use crate::message::Time;
use crate::net::{self, Address, Held, Listener};
use crate::node::{Limits, LinkCounters, LinkId};
use crate::places::Places;
use crate::repeats::{Event, Repeats};
use crate::tls::Encryption;
use buffers::LargeBuffers;
use dial_errors::DialErrors;
use disk_wait::DiskWaits;
use keeper::Keeper;
use memory::Memory;
use new_ids::NewIdsByAddress;
use port::Port;
use seats::{Seats, WhenFull};
use store::Settled;
use workers::Workers;

/// A stop has four steps, each by this long after its start. First, places that were asked for are given up.
const STOP_PLACES: Duration = Duration::from_millis(1000);

/// Then clients have their last answers, and links say what those changed and end.
const STOP_CLIENTS: Duration = Duration::from_millis(1300);

/// Then all connections are dropped.
const STOP: Duration = Duration::from_millis(1700);

/// At last the journal is closed, if the disk is quick: with room to spare within the two seconds that a stop may
/// take. A journal that is not closed is as good as that of a process that was killed.
const STOP_DISK: Duration = Duration::from_millis(1850);

/// A node that listens, not yet serving.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    member: Member,
    clients: Listener,
    links: Listener,
    admin: Option<Listener>,
}

/// The port for operators.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens: on loopback.
    pub address: SocketAddr,
    /// What allows to remove clients; `None` if nothing does.
    pub token: Option<AdminToken>,
    /// The names of hosts by which it may be asked, besides IP addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// The addresses that a node listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For clients.
    pub client: SocketAddr,
    /// For neighbours.
    pub link: SocketAddr,
    /// For operators.
    pub admin: Option<SocketAddr>,
}

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen for {what} on {address}: {error}")]
    Listen {
        /// `clients` or `neighbours`.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// There are no threads left.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// Whoever reaches the admin port sees everything, so it stays on this machine.
    #[error("the admin port listens on loopback only, such as 127.0.0.1: {0} is not")]
    AdminNotLoopback(SocketAddr),
    /// Links that are not authenticated stay on this machine.
    #[error(
        "without certificates links are plain TCP and listen on loopback only, such as 127.0.0.1: {0} is not"
    )]
    LinkNotLoopback(SocketAddr),
}

/// Listens for `what` on `address`.
async fn listen(what: &'static str, address: SocketAddr, held: Option<Held>) -> Result<Listener, StartError> {
    net::listen(address, held).await.map_err(|error| StartError::Listen { what, address, error })
}

/// What all tasks of a node share.
#[derive(Debug)]
struct Shared {
    limits: Limits,
    store: Mutex<Store>,
    /// Wakes the links when the change log has grown. Costs next to nothing when none of them waits for that.
    log_growth: Notify,
    /// Wakes the journal's thread.
    keeper: Keeper,
    disk_waits: DiskWaits,
    /// What need not wait for the disk any more.
    settled: watch::Sender<Settled>,
    /// Ticks when a link has come or gone.
    link_change: watch::Sender<()>,
    large_buffers: LargeBuffers,
    client_seats: Seats,
    /// For connections on the link port that are not links yet.
    link_seats: Seats,
    admin_seats: Seats,
    /// The names of hosts by which the admin port may be asked.
    admin_hosts: Vec<String>,
    new_ids: NewIdsByAddress,
    memory: Memory,
    repeats: Repeats,
    /// Connections accepted since the start, by [`Port`].
    accepted: [AtomicU64; Port::ALL.len()],
    /// Clients refused since the start.
    refused: AtomicU64,
    workers: Workers,
    places: Places,
    /// How large answers of the Places service are: the largest of late, in bytes.
    places_bytes: AtomicUsize,
    encryption: Arc<Encryption>,
    /// What allows to remove clients on the admin port.
    admin_token: Option<AdminToken>,
    /// Connections on the link port that did not become links, and were not of a neighbour that has another one.
    links_refused: AtomicU64,
    /// Why neighbours could not be dialled.
    dial_errors: DialErrors,
    next_link: AtomicU64,
    /// Monotonic time is counted from here.
    started: Instant,
    /// Nothing new is taken from clients any more.
    stop: CancellationToken,
    /// Places are not waited for any more.
    stop_places: CancellationToken,
    /// The table does not change any more: links end once they have said what is in it.
    stop_links: CancellationToken,
    /// Conversations with clients: what may still change the table.
    conversations: TaskTracker,
    /// Everything else.
    tasks: TaskTracker,
}

impl Server {
    /// Listens where `member` says, to serve clients with so many threads; and at `admin`, for operators.
    ///
    /// # Errors
    /// An address is taken or not allowed, or there are no threads left. Nothing is left open then.
    pub async fn bind(
        member: &Member,
        admin: Option<Admin>,
        threads: usize,
        store: Store,
        places: Places,
        encryption: Arc<Encryption>,
        stop: CancellationToken,
    ) -> Result<Server, StartError> {
        if encryption.links.is_none() && !net::is_this_machine(member.link) {
            return Err(StartError::LinkNotLoopback(member.link));
        }
        let (admin, admin_token, admin_hosts) = match admin {
            Some(Admin { address, token, hosts }) => (Some(address), token, hosts),
            None => (None, None, Vec::new()),
        };
        if let Some(outside) = admin.filter(|address| !net::is_this_machine(*address)) {
            return Err(StartError::AdminNotLoopback(outside));
        }
        let limits = store.node.limits();
        let (send, receive) = (limits.client_send_buffer, limits.client_receive_buffer);
        let held = Held { send, receive, stall: limits.unread_stall };
        let clients = listen("clients", member.client, Some(held)).await?;
        let links = listen("neighbours", member.link, None).await?;
        let admin = match admin {
            Some(address) => Some(listen("admin", address, Some(held)).await?),
            None => None,
        };
        let (keeper, ears) = Keeper::new();
        let limits = limits.clone();
        let shared = Arc::new(Shared {
            settled: watch::Sender::new(store.settled()),
            store: Mutex::new(store),
            log_growth: Notify::new(),
            keeper,
            disk_waits: DiskWaits::default(),
            link_change: watch::Sender::new(()),
            large_buffers: LargeBuffers::new(limits.busy_clients),
            client_seats: Seats::new(limits.client_connections, WhenFull::Refuse),
            link_seats: Seats::new(limits.link_handshakes, WhenFull::ReplaceOldest),
            admin_seats: Seats::new(limits.admin_connections, WhenFull::ReplaceOldest),
            admin_hosts,
            new_ids: NewIdsByAddress::default(),
            memory: Memory::new(limits.memory_bytes),
            repeats: Repeats::new(limits.log_repeat),
            accepted: Default::default(),
            refused: AtomicU64::new(0),
            workers: Workers::start(threads).map_err(StartError::Threads)?,
            places,
            places_bytes: AtomicUsize::new(0),
            encryption,
            admin_token,
            links_refused: AtomicU64::new(0),
            dial_errors: DialErrors::default(),
            next_link: AtomicU64::new(0),
            started: Instant::now(),
            stop,
            stop_places: CancellationToken::new(),
            stop_links: CancellationToken::new(),
            conversations: TaskTracker::new(),
            tasks: TaskTracker::new(),
            limits,
        });
        let journal = lock(&shared).take_journal();
        if let Some(journal) = journal {
            keeper::start(Arc::clone(&shared), journal, ears).map_err(StartError::Threads)?;
        }
        Ok(Server { shared, member: member.clone(), clients, links, admin })
    }

    /// The addresses bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            client: self.clients.local_addr()?,
            link: self.links.local_addr()?,
            admin: self.admin.as_ref().map(Listener::local_addr).transpose()?,
        })
    }

    /// Serves until told to stop; then answers what has been asked, floods what that changed, and closes.
    /// `neighbours` says where to dial each neighbour. Takes at most two seconds from the stop.
    pub async fn run(self, neighbours: impl IntoIterator<Item = (String, Address)>) {
        let addresses = self.addresses();
        let Server { shared, member, clients, links, admin } = self;
        for (name, address) in neighbours {
            let id = lock(&shared).node.neighbour(&name);
            if let Some(id) = id {
                shared.tasks.spawn(dial::keep_linked(Arc::clone(&shared), id, name, address));
            }
        }
        if let Some(admin) = admin {
            // Not waited for: whoever looks has to take what there is when the node stops.
            tokio::spawn(admin::serve(Arc::clone(&shared), admin));
        }
        shared.tasks.spawn(tick::run(Arc::clone(&shared)));
        if lock(&shared).durability != Durability::Off {
            tokio::spawn(disk_wait::report(Arc::clone(&shared)));
        }
        shared.tasks.spawn(accept::links(Arc::clone(&shared), links));
        shared.tasks.spawn(accept::clients(Arc::clone(&shared), clients));
        // Where it listens: the herd file may leave the ports to the system.
        let (client, link) =
            addresses.map_or((member.client, member.link), |bound| (bound.client, bound.link));
        tracing::info!(name = member.name, clients = %client, links = %link, "node started");
        shared.stop.cancelled().await;
        let all_closed = shared.wind_down(Instant::now()).await;
        shared.log_sums();
        tracing::info!(name = member.name, all_closed, "node stopped");
    }
}

impl Shared {
    /// Logs what the node has done, for operators who collect no metrics.
    fn log_sums(&self) {
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
        let LinkCounters { said, fresh, stale, unacceptable } = lock(self).node.counters();
        tracing::info!(sent = said, fresh, stale, unacceptable, "updates flooded");
    }

    /// The steps of a stop that began at `began`. Returns whether every connection has been closed in time.
    async fn wind_down(&self, began: Instant) -> bool {
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

    /// Waits until the disk has everything up to `sequence`. Returns whether it has: not while it fails and nothing may be
    /// told.
    async fn settles(&self, sequence: u64) -> bool {
        let mut settled = self.settled.subscribe();
        // The sender lives as long as the node.
        settled.wait_for(|now| now.refuses || now.upto >= sequence).await.is_ok_and(|now| !now.refuses)
    }

    /// Notes that clients have changed the table, when this was `settled`. Links say what is new as soon as it need not
    /// wait for the disk.
    fn note_growth(&self, settled: Settled) {
        self.keeper.wake();
        if settled.upto == u64::MAX {
            self.announce_growth();
        }
    }

    /// Tells clients and links what need not wait for the disk any more.
    fn settle(&self, settled: Settled) {
        self.settled.send_if_modified(|known| std::mem::replace(known, settled) != settled);
        self.announce_growth();
    }

    /// Notes how large an answer of the Places service was. A single large one is forgotten after a while.
    fn note_places(&self, bytes: usize) {
        let of_late = self.places_bytes.load(Ordering::Relaxed);
        self.places_bytes.store(bytes.max(of_late - of_late / 16), Ordering::Relaxed);
    }

    /// Counts a connection on the link port that did not become a link, and warns of it.
    fn refuse_link(&self, what: &'static str, neighbour: Option<&str>, reason: &str, peer: &str) {
        self.links_refused.fetch_add(1, Ordering::Relaxed);
        self.warn(what, neighbour, reason, peer);
    }

    /// Warns of something that strangers or neighbours can make happen again and again.
    fn warn(&self, what: &'static str, neighbour: Option<&str>, reason: &str, peer: &str) {
        self.repeats.warn(self.now(), Event { what, neighbour, reason, peer });
    }

    /// Monotonic time, as the links count it.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells the links that the log has grown.
    fn announce_growth(&self) {
        self.log_growth.notify_waiters();
    }

    /// Tells the diallers that a link has come or gone, and the links that they may have been replaced.
    fn announce_link_change(&self) {
        self.link_change.send_replace(());
        self.log_growth.notify_waiters();
    }

    fn new_link_id(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Ordering::Relaxed))
    }
}

/// Locks the store. A task that panicked while it held the lock was told so loudly; the others serve on.
fn lock(shared: &Shared) -> MutexGuard<'_, Store> {
    shared.store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wall clock.
fn clock() -> Time {
    Time::from(ambient::now())
}
