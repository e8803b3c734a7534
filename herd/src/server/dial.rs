//! Keeps a link with each neighbour.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::link;
use super::shared::{Shared, lock};
use crate::ambient;
use crate::net::{self, Address, Stream};
use crate::node::{Limits, Link, LinkEnd, NeighbourId};

/// The reason why a dial did not lead to a link.
#[derive(Debug, thiserror::Error)]
enum Unreached {
    /// The neighbour's host name cannot be resolved.
    #[error("cannot resolve {0}: {1}")]
    Unresolved(Address, String),
    /// No address led to the neighbour. This is the error of the last one.
    #[error("{0}")]
    NoLink(String),
}

/// Dials a neighbour whenever there is no link with it, until the node stops. The neighbour does
/// the same, so that a node that restarts dials at once.
pub(super) async fn keep_linked(shared: Arc<Shared>, neighbour: NeighbourId, name: String, address: Address) {
    let stop = shared.stop.clone();
    let mut target = Target { address, lookup: None };
    stop.run_until_cancelled(async {
        let mut is_news = true;
        loop {
            wait_until_unlinked(&shared, neighbour).await;
            let reached = dial(&shared, neighbour, &mut target).await;
            shared.dial_errors.note_dial(neighbour, reached.as_ref().err().map(ToString::to_string));
            let address = &target.address;
            match &reached {
                Ok(()) => is_news = true,
                Err(reason @ Unreached::Unresolved(..)) => {
                    let reason = format!("{reason}; retrying");
                    shared.warn("cannot dial neighbour", Some(&name), &reason, &address.to_string());
                }
                Err(reason) if is_news => {
                    info!(neighbour = name, %address, %reason, "neighbour unreachable; retrying");
                    is_news = false;
                }
                Err(reason) => debug!(neighbour = name, %address, %reason, "neighbour unreachable"),
            }
            let wait = lock(&shared).node.next_dial(neighbour, ambient::random());
            sleep(wait).await;
        }
    })
    .await;
}

async fn wait_until_unlinked(shared: &Shared, neighbour: NeighbourId) {
    let mut changes = shared.link_change.subscribe();
    while lock(shared).node.is_linked(neighbour) {
        // Cannot fail: the sender lives as long as the node.
        let _ = changes.changed().await;
    }
}

/// The address of a neighbour, and the state of its DNS lookup.
struct Target {
    address: Address,
    /// A lookup that has timed out. It cannot be cancelled, so the next dial waits for it instead
    /// of starting another one.
    lookup: Option<Lookup>,
}

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

impl Target {
    /// Resolves the addresses to try.
    async fn resolve(&mut self, limits: &Limits) -> Result<Vec<SocketAddr>, Unreached> {
        let address = self.address.clone();
        let patience = limits.name_lookup;
        let failed = |reason| Unreached::Unresolved(self.address.clone(), reason);
        let lookup = self.lookup.get_or_insert_with(|| Box::pin(async move { net::lookup(&address).await }));
        let found = timeout(patience, lookup).await;
        let found = found.map_err(|_| failed(format!("the resolver did not answer within {patience:?}")))?;
        self.lookup = None;
        let mut addresses = found.map_err(|error| failed(error.to_string()))?;
        addresses.truncate(limits.dial_addresses);
        Ok(addresses)
    }
}

/// Dials the addresses of a neighbour in turn, and serves the first link until it ends.
async fn dial(shared: &Arc<Shared>, neighbour: NeighbourId, target: &mut Target) -> Result<(), Unreached> {
    let addresses = target.resolve(&shared.limits).await?;
    shared.link_seats.favour(neighbour, &addresses);
    let mut result = Ok(());
    for address in addresses {
        let linked = dial_one(shared, neighbour, address).await;
        result = linked.map_err(|reason| match &target.address {
            Address::Ip(_) => Unreached::NoLink(reason),
            Address::Name { .. } => Unreached::NoLink(format!("{reason} (at {address})")),
        });
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Dials one address, and serves the link until it ends.
async fn dial_one(shared: &Arc<Shared>, neighbour: NeighbourId, address: SocketAddr) -> Result<(), String> {
    let patience = shared.limits.link_handshake;
    let late = |_| format!("no answer within {patience:?}");
    let connected = timeout(patience, net::connect(address)).await.map_err(late)?;
    let stream = connected.map_err(|error| net::reason(&error))?;
    let stream = match &shared.encryption.links {
        None => Stream::Plain(stream),
        Some(tls) => {
            let secured = net::secure_dialled(stream, Arc::clone(&tls.get().dialling));
            let secured = timeout(patience, secured).await.map_err(late)?;
            secured.map_err(|error| net::reason(&error))?
        }
    };
    let link = Link::dialled(shared.new_link_id(), neighbour, shared.now());
    // A separate task, which sends its last lines when the node stops. This task is cancelled then.
    let served = shared.tasks.spawn(link::serve(Arc::clone(shared), stream, link, None));
    match served.await {
        Ok(end @ (LinkEnd::WrongName(..) | LinkEnd::Impostor(..) | LinkEnd::Version(_))) => {
            Err(end.to_string())
        }
        _ => Ok(()),
    }
}
