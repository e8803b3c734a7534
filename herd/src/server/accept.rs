//! Accepting connections, from clients and from neighbours.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::linger::linger;
use super::{Shared, client, link};
use crate::net::{self, Listener, Stream, Tcp, exchange};
use crate::node::Link;

/// The wait after a failed accept: without one, a node out of file descriptors would spin.
const AFTER_FAILURE: Duration = Duration::from_millis(25);

/// What a client beyond the limit is told.
const TOO_MANY: &[u8] = b"? too many connections\n";

/// Serves clients, up to the limit, until the node stops.
pub(super) async fn clients(shared: Arc<Shared>, listener: Listener) {
    let refusals = Arc::new(Semaphore::new(shared.limits.client_refusals));
    accept(&shared, listener, "client", |stream, peer| {
        if let Some(seat) = Seat::take(&shared) {
            let serve = move |stream, turns| client::serve(seat, stream, peer, turns);
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
        if let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() {
            shared.tasks.spawn(take_link(Arc::clone(&shared), stream, peer, permit));
        } else {
            shared.links_refused.fetch_add(1, Ordering::Relaxed);
            warn!(%peer, "too many connections on the link port have not said who they are");
        }
    })
    .await;
}

/// Takes one connection for a link, if it can show that it is a neighbour's.
async fn take_link(shared: Arc<Shared>, stream: Tcp, peer: SocketAddr, permit: OwnedSemaphorePermit) {
    match secure_link(&shared, stream).await {
        Ok(stream) => {
            let link = Link::accepted(shared.new_link_id(), shared.now());
            link::serve(shared, stream, link, Some(permit)).await;
        }
        Err((reason, stream)) => {
            shared.links_refused.fetch_add(1, Ordering::Relaxed);
            warn!(%peer, reason, "no link");
            if let Some(stream) = stream {
                linger(stream, &shared.limits).await;
            }
        }
    }
}

/// Shakes hands, if links are encrypted. Who cannot may still be there to be told.
async fn secure_link(shared: &Shared, stream: Tcp) -> Result<Stream, (String, Option<Stream>)> {
    let Some(tls) = &shared.encryption.links else { return Ok(Stream::Plain(stream)) };
    let patience = shared.limits.link_handshake;
    let secured = timeout(patience, net::secure_accepted(stream, Arc::clone(&tls.get().accepting)));
    match secured.await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err((error, stream))) => Err((net::handshake_reason(&error), Some(stream))),
        Err(_) => Err((format!("no handshake within {patience:?}"), None)),
    }
}

/// Hands accepted connections to `serve` until the node stops.
async fn accept(shared: &Shared, listener: Listener, from: &str, serve: impl Fn(Tcp, SocketAddr)) {
    let stop = shared.stop.clone();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted.and_then(|(stream, peer)| net::prepare(&stream).map(|()| (stream, peer))) {
            Ok((stream, peer)) => {
                failing = false;
                serve(stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => debug!(from, %error, "connection lost at once"),
            Err(error) => {
                if !failing {
                    warn!(from, %error, "cannot accept connections for now");
                }
                failing = true;
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

/// Tells a client that it cannot be served, and closes: gently, if it is one of the few that may linger. One that expects
/// TLS is only closed, since shaking hands with it would cost more than serving it.
async fn refuse(stream: Tcp, shared: Arc<Shared>, lingers: Option<OwnedSemaphorePermit>) {
    if shared.encryption.clients.is_some() {
        return;
    }
    let mut stream = Stream::Plain(stream);
    // A fresh connection has room for one short line; if it is gone already, nobody is left to be told.
    let _ = exchange(&mut stream, None, TOO_MANY).await;
    if lingers.is_some() {
        linger(stream, &shared.limits).await;
    }
}
