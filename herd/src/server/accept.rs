//! Accepting connections, from clients and from neighbours.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::linger::linger;
use super::{Shared, client, link};
use crate::net::{self, Listener, Stream, exchange};
use crate::node::Link;

/// The wait after a failed accept: without one, a node out of file descriptors would spin.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// What a client beyond the limit is told.
const TOO_MANY: &[u8] = b"? too many connections\n";

/// Serves clients, up to the limit, until the node stops.
pub(super) async fn clients(shared: Arc<Shared>, listener: Listener) {
    let refusals = Arc::new(Semaphore::new(shared.limits.client_refusals));
    accept(&shared, listener, "client", |stream, peer| {
        if let Some(seat) = Seat::take(&shared) {
            let serve = move |stream| client::serve(seat, stream, peer);
            shared.workers.spawn(&shared.conversations, stream, serve);
        } else {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            warn!(%peer, most = shared.limits.client_connections, "too many client connections");
            let permit = Arc::clone(&refusals).try_acquire_owned().ok();
            shared.tasks.spawn(refuse(stream, Arc::clone(&shared), permit));
        }
    })
    .await;
}

/// Takes links that neighbours dial, until the node stops.
pub(super) async fn links(shared: Arc<Shared>, listener: Listener) {
    let handshakes = Arc::new(Semaphore::new(shared.limits.link_handshakes));
    accept(&shared, listener, "neighbour", |stream, peer| {
        let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
            warn!(%peer, "too many connections on the link port have not said who they are");
            return;
        };
        let link = Link::accepted(shared.new_link_id(), shared.now());
        let serve = link::serve(Arc::clone(&shared), stream, link, Some(permit));
        shared.tasks.spawn(async move { drop(serve.await) });
    })
    .await;
}

/// Hands accepted connections to `serve` until the node stops.
async fn accept(shared: &Shared, listener: Listener, from: &str, serve: impl Fn(Stream, SocketAddr)) {
    let stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted.and_then(|(stream, peer)| net::prepare(&stream).map(|()| (stream, peer))) {
            Ok((stream, peer)) => serve(stream, peer),
            Err(error) if is_of_one_connection(&error) => debug!(from, %error, "connection lost at once"),
            Err(error) => {
                warn!(from, %error, "cannot accept connections for now");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whether an accept failed because of the connection, and not of this process.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}

/// One of the places for clients, given back when dropped.
pub(super) struct Seat(Arc<Shared>);

impl Seat {
    fn take(shared: &Arc<Shared>) -> Option<Seat> {
        let seat = Seat(Arc::clone(shared));
        let taken = shared.clients.fetch_add(1, Ordering::Relaxed);
        (taken < shared.limits.client_connections).then_some(seat)
    }

    /// What its client shares with all others.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells a client that it cannot be served, and closes: gently, if it is one of the few that may linger.
async fn refuse(mut stream: Stream, shared: Arc<Shared>, lingers: Option<OwnedSemaphorePermit>) {
    // A fresh connection has room for one short line; if it is gone already, nobody is left to be told.
    let _ = exchange(&mut stream, None, TOO_MANY).await;
    if lingers.is_some() {
        linger(stream, &shared.limits).await;
    }
}
