//! Accepts connections from clients, from neighbours, and on the ports for operators.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::linger::linger;
use super::link::NO_LINK;
use super::port::Port;
use super::seats::{Seats, WhenFull};
use super::shared::Shared;
use super::{client, link};
use crate::message::TOO_MANY_CONNECTIONS;
use crate::net::{self, Listener, Stream, Tcp, exchange, serve_http};

/// The pause after a failed accept. Without it, a node without free file descriptors would spin.
const AFTER_FAILURE: Duration = Duration::from_millis(25);

/// Accepts and serves clients, up to the limit, until the node stops.
pub(super) async fn clients(shared: Arc<Shared>, listener: Listener) {
    let refusals = Arc::new(Semaphore::new(shared.limits.client_refusals));
    accept(&shared, listener, Port::Client, |stream, peer| {
        if let Some(seat) = shared.client_seats.take(peer.ip()) {
            let served = Arc::clone(&shared);
            let serve = move |stream, turns| client::serve(served, seat, stream, peer, turns);
            shared.workers.spawn(&shared.conversations, stream, serve);
        } else {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            let reason = "the limit of connections (client_connections, or that of open files) is reached";
            shared.warn("too many client connections", None, reason, &peer.to_string());
            let permit = Arc::clone(&refusals).try_acquire_owned().ok();
            shared.tasks.spawn(refuse(stream, Arc::clone(&shared), permit));
        }
    })
    .await;
}

/// Accepts and serves links that neighbours dial, until the node stops.
pub(super) async fn links(shared: Arc<Shared>, listener: Listener) {
    accept(&shared, listener, Port::Link, |stream, peer| {
        if let Some(seat) = shared.link_seats.take(peer.ip()) {
            shared.tasks.spawn(link::take(Arc::clone(&shared), stream, peer, seat));
        } else {
            shared.refuse_link(NO_LINK, None, "too many connections on the link port", &peer.to_string());
        }
    })
    .await;
}

/// Accepts HTTP connections and serves them by `app`, up to a limit for each port, until the node
/// stops. A connection beyond the limit replaces another one.
pub(super) async fn serve_http_port(shared: &Shared, listener: Listener, port: Port, app: Router) {
    let seats = Seats::new(shared.limits.admin_connections, WhenFull::ReplaceOldest);
    let patience = shared.limits.admin_patience;
    let port_name = port.name();
    accept(shared, listener, port, |stream, peer| {
        let Some((seat, mut lost)) = seats.take(peer.ip()) else {
            let reason = "as many other addresses use it as may (admin_connections)";
            return shared.warn("connection for operators refused", None, reason, &peer.to_string());
        };
        let app = app.clone();
        // Requests in flight are dropped when the node stops.
        tokio::spawn(async move {
            let _seat = seat;
            tokio::select! {
                () = lost.wait() => {
                    debug!(port = port_name, %peer, reason = "replaced by a newer connection", "connection closed");
                }
                served = serve_http(stream, app, patience) => {
                    if let Err(reason) = served {
                        debug!(port = port_name, %peer, reason, "connection failed");
                    }
                }
            }
        });
    })
    .await;
}

/// Accepts connections and passes them to `serve` until the node stops.
async fn accept(shared: &Shared, listener: Listener, port: Port, serve: impl Fn(Tcp, SocketAddr)) {
    let port_name = port.name();
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
                shared.accepted[port as usize].fetch_add(1, Ordering::Relaxed);
                serve(stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => debug!(port = port_name, "connection lost at once"),
            Err(error) => {
                if !failing {
                    warn!(
                        port = port_name,
                        reason = net::reason(&error),
                        "cannot accept connections; retrying"
                    );
                }
                failing = true;
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whether an accept failed because of that connection, and not because of this process.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}

/// Rejects a client beyond the limit and closes its connection, gracefully if it is one of the few
/// that may linger. A TLS client is closed without a message, since a handshake would cost more
/// than serving it.
async fn refuse(stream: Tcp, shared: Arc<Shared>, lingers: Option<OwnedSemaphorePermit>) {
    if shared.encryption.clients.is_some() {
        return;
    }
    let mut stream = Stream::Plain(stream);
    // The send buffer of a new connection has room for one short line. If the connection is gone
    // already, the error does not matter.
    let _ = exchange(&mut stream, None, TOO_MANY_CONNECTIONS).await;
    if lingers.is_some() {
        linger(stream, &shared.limits).await;
    }
}
