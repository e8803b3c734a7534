//! The connection of one client: it sends lines and receives answers, in order.

mod alarm;
mod answer_line;
mod conversation;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tracing::debug;

use super::linger::linger;
use super::seats::{Lost, Seat};
use super::shared::Shared;
use super::turns::Turns;
use crate::net::{self, Stream, Tcp};
use conversation::{Client, End};

/// Serves a client until it leaves, breaks a limit, loses its seat, or the node stops.
pub(super) async fn serve(
    shared: Arc<Shared>,
    (seat, mut lost): (Seat, Lost),
    stream: Tcp,
    peer: SocketAddr,
    turns: Arc<Turns>,
) {
    debug!(%peer, "client connected");
    let to_close = tokio::select! {
        biased;
        to_close = talk(&shared, &seat, stream, peer, turns) => to_close,
        () = lost.wait() => {
            debug!(%peer, reason = "replaced by a client of another address", "closing client");
            None
        }
    };
    let Some(stream) = to_close else { return };
    // The conversation is over, so a stop need not wait for the graceful close before it ends the
    // links.
    shared.tasks.clone().spawn(async move {
        let _seat = seat;
        tokio::select! {
            () = lost.wait() => {}
            () = linger(stream, &shared.limits) => {}
        }
    });
}

/// Runs the conversation with a client. Returns the connection if it needs a graceful close;
/// otherwise closes it.
async fn talk(
    shared: &Arc<Shared>,
    seat: &Seat,
    stream: Tcp,
    peer: SocketAddr,
    turns: Arc<Turns>,
) -> Option<Stream> {
    let mut stream = secure(shared, stream, peer).await?;
    let mut client = Client::new(Arc::clone(shared), seat, peer, turns);
    match client.converse(&mut stream).await {
        Ok(End::Closed) => {
            // Over TLS, the end of a connection without a close_notify alert may be an attacker's
            // work.
            let _ = timeout(shared.limits.linger, stream.shutdown()).await;
            debug!(%peer, "client closed");
        }
        Ok(End::Gently(reason)) => {
            debug!(%peer, reason, "closing client gracefully");
            return Some(stream);
        }
        Ok(End::AtOnce(reason)) => debug!(%peer, reason, "closing client"),
        Err(error) => debug!(%peer, reason = net::reason(&error), "client lost"),
    }
    None
}

/// Completes the TLS handshake, if clients are served over TLS, within the timeout of a line. A
/// handshake that fails is counted and logged, unless the client has just gone: load balancers
/// check ports in this way.
async fn secure(shared: &Shared, stream: Tcp, peer: SocketAddr) -> Option<Stream> {
    let Some(tls) = &shared.encryption.clients else { return Some(Stream::Plain(stream)) };
    let secured = net::secure_accepted(stream, Arc::clone(&tls.get().accepting));
    let stopped = shared.stop.run_until_cancelled(secured);
    let reason = match timeout(shared.limits.unfinished_line, stopped).await {
        Ok(Some(Ok(stream))) => return Some(stream),
        Ok(Some(Err((error, _)))) => net::reason(&error),
        Ok(None) => "the node is stopping".to_owned(),
        Err(_) => "the handshake took too long".to_owned(),
    };
    if reason == net::LOST || shared.stop.is_cancelled() {
        debug!(%peer, reason, "client lost");
    } else {
        shared.handshakes_failed.fetch_add(1, Ordering::Relaxed);
        shared.warn("TLS handshake of a client failed", None, &reason, &peer.to_string());
    }
    None
}
