//! The shell: the sockets, tasks, clocks and disk around a [`Node`](crate::node::Node).
//!
//! There is one task per connection, and one per neighbour that dials it while there is no link.
//! All share one [`Store`] behind a lock, which a task takes once per read and never holds across
//! an await. The runtime of [`Server::run`] serves links and, if there is only one thread, clients
//! too.

mod accept;
mod admin;
mod admin_token;
mod answers;
mod backbone_state;
mod buffers;
mod build;
mod client;
mod dial;
mod dial_errors;
mod disk_wait;
mod durations;
mod elsewhere;
mod events;
mod keeper;
mod linger;
mod link;
mod link_log;
mod link_work;
mod log_level;
mod memory;
mod metrics;
mod metrics_port;
mod new_ids;
mod port;
mod process;
mod pulse;
mod removal;
mod search;
mod seats;
mod shared;
mod status;
mod stop;
mod store;
mod table_access;
mod tick;
mod turns;
mod workers;

pub(crate) use admin::is_for_this_machine;
pub use admin_token::AdminToken;
pub(crate) use backbone_state::{BackboneState, Progress};
pub(crate) use elsewhere::Lookup;
pub use memory::available_memory;
pub use pulse::Pulse;
pub(crate) use seats::{Seats, WhenFull};
pub use store::{Durability, Store};
pub use table_access::TableAccess;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Member;
use crate::net::{self, Address, Held, Listener};
use crate::places::Places;
use crate::repeats::Repeats;
use crate::tls::Encryption;
use buffers::LargeBuffers;
use dial_errors::DialErrors;
use durations::Durations;
use events::Events;
use keeper::Keeper;
use link_work::LinkWork;
use memory::Memory;
use new_ids::NewIdsByAddress;
use shared::{Shared, lock};
use workers::Workers;

/// A node that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    member: Member,
    clients: Listener,
    links: Listener,
    admin: Option<Listener>,
    metrics: Option<Listener>,
}

/// The settings of the admin port.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The address to listen on, which must be on loopback.
    pub address: SocketAddr,
    /// The token that allows requests to remove clients; `None` forbids all.
    pub token: Option<AdminToken>,
    /// Accepted host names in requests, besides IP addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// The addresses that a node listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The address for clients.
    pub client: SocketAddr,
    /// The address for neighbours.
    pub link: SocketAddr,
    /// The address of the admin port, if there is one.
    pub admin: Option<SocketAddr>,
    /// The address of the metrics port, if there is one.
    pub metrics: Option<SocketAddr>,
}

/// The error of a node that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node cannot listen on an address.
    #[error("cannot listen for {what} on {address}: {error}")]
    Listen {
        /// Who connects there, such as `clients`.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        error: io::Error,
    },
    /// The system cannot start a thread.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// The admin port would be reachable from other machines. It has no authentication.
    #[error("the admin address {0} is not on loopback: use an address such as 127.0.0.1:12680")]
    AdminNotLoopback(SocketAddr),
    /// The link port would be reachable from other machines without authentication.
    #[error(
        "the link address {0} is not on loopback, which links without TLS need: use an address such as 127.0.0.1:12580, or certificates"
    )]
    LinkNotLoopback(SocketAddr),
}

/// Checks that ports that must stay on this machine have loopback addresses.
fn check_loopback(
    member: &Member,
    admin: Option<SocketAddr>,
    encryption: &Encryption,
) -> Result<(), StartError> {
    if encryption.links.is_none() && !net::is_this_machine(member.link) {
        return Err(StartError::LinkNotLoopback(member.link));
    }
    if let Some(outside) = admin.filter(|address| !net::is_this_machine(*address)) {
        return Err(StartError::AdminNotLoopback(outside));
    }
    Ok(())
}

/// Listens for `what` on `address`.
async fn listen(what: &'static str, address: SocketAddr, held: Option<Held>) -> Result<Listener, StartError> {
    net::listen(address, held).await.map_err(|error| StartError::Listen { what, address, error })
}

/// The same, if there is an address.
async fn listen_if_any(
    what: &'static str,
    address: Option<SocketAddr>,
    held: Held,
) -> Result<Option<Listener>, StartError> {
    match address {
        Some(address) => Ok(Some(listen(what, address, Some(held)).await?)),
        None => Ok(None),
    }
}

impl Server {
    /// Listens on the addresses of `member` and `admin`, to serve clients with `threads` threads.
    ///
    /// # Errors
    /// An address is in use or not allowed, or the system cannot start a thread. All ports are
    /// closed then.
    pub async fn bind(
        member: &Member,
        admin: Option<Admin>,
        threads: usize,
        store: Store,
        places: Places,
        encryption: Arc<Encryption>,
        stop: CancellationToken,
    ) -> Result<Server, StartError> {
        let admin_address = admin.as_ref().map(|admin| admin.address);
        check_loopback(member, admin_address, &encryption)?;
        let (admin_token, admin_hosts) = match admin {
            Some(Admin { token, hosts, .. }) => (token, hosts),
            None => (None, Vec::new()),
        };
        let limits = store.node.limits();
        let (send, receive) = (limits.client_send_buffer, limits.client_receive_buffer);
        let held = Held { send, receive, stall: limits.unread_stall };
        let held_for_admins = Held { send: limits.admin_send_buffer, ..held };
        let clients = listen("clients", member.client, Some(held)).await?;
        let links = listen("neighbours", member.link, None).await?;
        let admin = listen_if_any("operators", admin_address, held_for_admins).await?;
        let metrics = listen_if_any("requests for metrics", member.metrics, held_for_admins).await?;
        let measures = admin.is_some() || metrics.is_some();
        let (keeper, ears) = Keeper::new();
        let limits = limits.clone();
        let shared = Arc::new(Shared {
            durations: Box::new(Durations::new(measures, &store.node)),
            settled: watch::Sender::new(store.settled()),
            link_work: LinkWork::new(store.node.neighbours().count()),
            store: Mutex::new(store),
            keeper,
            disk_waits: Arc::default(),
            link_change: watch::Sender::new(()),
            large_buffers: LargeBuffers::new(limits.busy_clients),
            client_seats: Seats::new(limits.client_connections, WhenFull::Refuse),
            link_seats: Seats::new(limits.link_handshakes, WhenFull::ReplaceOldest),
            admin_hosts,
            events: Events::new(limits.admin_events),
            searches: Arc::new(Semaphore::new(1)),
            new_ids: NewIdsByAddress::default(),
            memory: Memory::new(limits.memory_bytes),
            repeats: Repeats::new(limits.log_repeat),
            accepted: Default::default(),
            refused: AtomicU64::new(0),
            handshakes_failed: AtomicU64::new(0),
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
            backbone: OnceLock::new(),
            limits,
        });
        let journal = lock(&shared).take_journal();
        if let Some(journal) = journal {
            keeper::start(Arc::clone(&shared), journal, ears).map_err(StartError::Threads)?;
        }
        Ok(Server { shared, member: member.clone(), clients, links, admin, metrics })
    }

    /// The addresses that the node listens on.
    ///
    /// # Errors
    /// The system cannot report an address.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            client: self.clients.local_addr()?,
            link: self.links.local_addr()?,
            admin: self.admin.as_ref().map(Listener::local_addr).transpose()?,
            metrics: self.metrics.as_ref().map(Listener::local_addr).transpose()?,
        })
    }

    /// Returns access to the node's table.
    pub fn table_access(&self) -> TableAccess {
        TableAccess::of(&self.shared)
    }

    /// Serves until the stop is requested. Then answers the lines received, floods their updates
    /// and closes, within two seconds. `neighbours` are the names and addresses of the neighbours
    /// to dial.
    pub async fn run(self, neighbours: impl IntoIterator<Item = (String, Address)>) {
        let addresses = self.addresses();
        let Server { shared, member, clients, links, admin, metrics } = self;
        for (name, address) in neighbours {
            let id = lock(&shared).node.neighbour(&name);
            if let Some(id) = id {
                shared.tasks.spawn(dial::keep_linked(Arc::clone(&shared), id, name, address));
            }
        }
        if let Some(admin) = admin {
            // Requests on the admin port are dropped when the node stops.
            tokio::spawn(admin::serve(Arc::clone(&shared), admin));
            tokio::spawn(events::publish(Arc::clone(&shared)));
        }
        if let Some(metrics) = metrics {
            tokio::spawn(metrics_port::serve(Arc::clone(&shared), metrics));
        }
        shared.tasks.spawn(tick::run(Arc::clone(&shared)));
        if lock(&shared).durability != Durability::Off {
            tokio::spawn(disk_wait::report(Arc::clone(&shared)));
        }
        shared.tasks.spawn(accept::links(Arc::clone(&shared), links));
        shared.tasks.spawn(accept::clients(Arc::clone(&shared), clients));
        // The addresses bound, since the herd file may leave the ports to the system.
        let (client, link) =
            addresses.map_or((member.client, member.link), |bound| (bound.client, bound.link));
        tracing::info!(name = member.name, clients = %client, links = %link, "node started");
        shared.stop.cancelled().await;
        let all_closed = shared.wind_down(Instant::now()).await;
        shared.log_sums();
        tracing::info!(name = member.name, all_closed, "node stopped");
    }
}
