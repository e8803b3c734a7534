//! Keeping a link with each neighbour.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::{Shared, link, lock};
use crate::ambient;
use crate::net::{self, Stream};
use crate::node::{Link, LinkEnd, NeighbourId};

/// Dials a neighbour whenever there is no link with it, until the node stops. The neighbour does the same, so
/// that the one that comes back dials at once.
pub(super) async fn keep_linked(
    shared: Arc<Shared>,
    neighbour: NeighbourId,
    name: String,
    address: SocketAddr,
) {
    let stop = shared.stop.clone();
    stop.run_until_cancelled(async {
        let mut is_news = true;
        loop {
            wait_until_unlinked(&shared, neighbour).await;
            let reached = dial(&shared, neighbour, address).await;
            match &reached {
                Ok(()) => is_news = true,
                Err(reason) if is_news => {
                    info!(neighbour = name, %address, reason, "neighbour not reached, dialling on");
                    is_news = false;
                }
                Err(reason) => debug!(neighbour = name, %address, reason, "neighbour not reached"),
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
        // The sender lives as long as the node.
        let _ = changes.changed().await;
    }
}

/// Dials once, and serves the link until it ends.
async fn dial(shared: &Arc<Shared>, neighbour: NeighbourId, address: SocketAddr) -> Result<(), String> {
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
    // A task of its own: it must say goodbye when the node stops, and this one is cancelled then.
    let served = shared.tasks.spawn(link::serve(Arc::clone(shared), stream, link, None));
    match served.await {
        Ok(end @ (LinkEnd::WrongName(..) | LinkEnd::Impostor(..) | LinkEnd::Version(_))) => {
            Err(end.to_string())
        }
        _ => Ok(()),
    }
}
