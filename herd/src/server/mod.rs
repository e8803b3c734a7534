//! The shell: sockets, tasks, clocks and a disk around a [`Node`](crate::node::Node).
//!
//! One task a connection, and one for each neighbour that dials it while there is no link. All share one
//! [`Store`] behind a lock that is taken once for everything that has been read, never across an await. Links, and
//! with one thread clients too, are served by the runtime that [`Server::run`] runs on.

mod accept;
mod admin;
mod admin_token;
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
mod shared;
mod status;
mod stop;
mod store;
mod tick;
mod turns;
mod workers;

pub use admin_token::AdminToken;
pub use pulse::Pulse;
pub use store::{Durability, Store};

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
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
use keeper::Keeper;
use memory::Memory;
use new_ids::NewIdsByAddress;
use seats::{Seats, WhenFull};
use shared::{Shared, lock};
use workers::Workers;

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

/// Refuses addresses that other machines can reach, where only this one may.
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
        let admin_address = admin.as_ref().map(|admin| admin.address);
        check_loopback(member, admin_address, &encryption)?;
        let (admin_token, admin_hosts) = match admin {
            Some(Admin { token, hosts, .. }) => (token, hosts),
            None => (None, Vec::new()),
        };
        let limits = store.node.limits();
        let send = limits.client_send_buffer;
        let receive = limits.client_receive_buffer;
        let held = Held { send, receive, stall: limits.unread_stall };
        let clients = listen("clients", member.client, Some(held)).await?;
        let links = listen("neighbours", member.link, None).await?;
        let admin = match admin_address {
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
            disk_waits: Arc::default(),
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
            tokio::spawn(disk_wait::report(Arc::clone(&shared.disk_waits), shared.limits.disk_patience));
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
