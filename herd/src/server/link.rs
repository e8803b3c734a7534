//! The connection with one neighbour.

mod receiving;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout};
use tracing::{debug, error, info, warn};

use super::linger::linger;
use super::link_log::{log_said, name};
use super::seats::{Lost, Seat};
use super::shared::{Shared, clock, lock};
use crate::message::Lines;
use crate::net::{self, Stream, Tcp, exchange};
use crate::node::{Link, LinkEnd};
use crate::tls::{Certificate, LinkTls, Reloadable};

/// The event of a connection, accepted or dialled, that did not become a link.
pub(super) const NO_LINK: &str = "link rejected";

/// Serves a connection on the link port, if it authenticates as a neighbour before another
/// connection takes its seat.
pub(super) async fn take(shared: Arc<Shared>, stream: Tcp, peer: SocketAddr, (seat, mut lost): (Seat, Lost)) {
    let secured = tokio::select! {
        biased;
        () = lost.wait() => Err(("replaced by a newer connection".to_owned(), None)),
        secured = secure(&shared, stream, &seat) => secured,
    };
    match secured {
        Ok(stream) => {
            let link = Link::accepted(shared.new_link_id(), shared.now());
            serve(shared, stream, link, Some((seat, lost))).await;
        }
        Err((reason, stream)) => {
            shared.refuse_link(NO_LINK, None, &reason, &peer.to_string());
            if let Some(stream) = stream {
                tokio::select! {
                    () = lost.wait() => {}
                    () = linger(stream, &shared.limits) => {}
                }
            }
        }
    }
}

/// Completes the TLS handshake, if links are encrypted. On error, returns the stream if it can
/// still carry a last line.
async fn secure(shared: &Shared, stream: Tcp, seat: &Seat) -> Result<Stream, (String, Option<Stream>)> {
    let patience = shared.limits.link_handshake;
    let handshake = async {
        // Silent connections lose their seats first.
        stream.heard().await.map_err(|error| (net::reason(&error), None))?;
        seat.note_heard(shared.now());
        let Some(tls) = &shared.encryption.links else { return Ok(Stream::Plain(stream)) };
        let secured = net::secure_accepted(stream, Arc::clone(&tls.get().accepting)).await;
        secured.map_err(|(error, stream)| (net::reason(&error), Some(stream)))
    };
    match timeout(patience, handshake).await {
        Ok(secured) => secured,
        Err(_) => Err((format!("no handshake within {patience:?}"), None)),
    }
}

/// Serves a link from HELLO to its end, and logs why it ended. `handshake` is dropped once the link
/// is up or closed.
pub(super) async fn serve(
    shared: Arc<Shared>,
    mut stream: Stream,
    link: Link,
    handshake: Option<(Seat, Lost)>,
) -> LinkEnd {
    let peer = stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |address| address.to_string());
    let lines = Lines::new(shared.limits.link_line_bytes);
    let link = link.at(peer.clone());
    let certificates = shared.encryption.links.as_ref().map(Reloadable::subscribe);
    let mut task = LinkTask { shared, link, handshake, certificates, lines, out: Vec::new(), sent: 0 };
    let end = match task.identify(&stream) {
        Ok(()) => {
            let Err(end) = task.converse(&mut stream).await;
            end
        }
        Err(end) => end,
    };
    task.close(&end);
    task.shared.announce_link_change();
    let neighbour = task.neighbour_name();
    match &end {
        LinkEnd::Diverged => error!(
            neighbour,
            peer,
            "the neighbour's records differ although both change logs were read to the end; sending all records again"
        ),
        end if task.link.is_complete() => {
            info!(neighbour, peer, reason = end.to_string(), "link down");
            if *end == LinkEnd::Rival {
                task.warn_of_rivalry();
            }
        }
        LinkEnd::Duplicate | LinkEnd::Rival | LinkEnd::OlderVersion(_) => {
            debug!(neighbour, peer, reason = end.to_string(), "link closed");
        }
        end => {
            let reason = end.to_string().escape_debug().to_string();
            if task.handshake.is_some() {
                task.shared.refuse_link(NO_LINK, Some(&neighbour), &reason, &peer);
            } else {
                task.shared.warn(NO_LINK, Some(&neighbour), &reason, &peer);
            }
        }
    }
    let LinkTask { shared, out, sent, mut handshake, .. } = task;
    shared.tasks.clone().spawn(async move {
        tokio::select! {
            () = lost(&mut handshake) => {}
            () = say_goodbye(&shared, stream, &out[sent..]) => {}
        }
    });
    end
}

struct LinkTask {
    shared: Arc<Shared>,
    link: Link,
    /// The seat of a connection that is not yet a link; released once the link is up.
    handshake: Option<(Seat, Lost)>,
    /// The current certificates, by which this node accepts neighbours; `None` for a link that is
    /// not encrypted.
    certificates: Option<watch::Receiver<Arc<LinkTls>>>,
    lines: Lines,
    out: Vec<u8>,
    sent: usize,
}

/// A type without values: a link ends with a reason only.
type Never = std::convert::Infallible;

impl LinkTask {
    /// Reads the names in the other side's certificate, if links are encrypted.
    fn identify(&mut self, stream: &Stream) -> Result<(), LinkEnd> {
        // The certificates may have been reloaded since the handshake began.
        self.verify(stream)?;
        let Some([certificate, ..]) = stream.peer_certificates() else { return Ok(()) };
        let certificate = Certificate::parse(certificate).map_err(LinkEnd::Framing)?;
        self.link.certify(&lock(&self.shared).node, certificate.names)
    }

    /// Checks the other side's certificate against this node's current certificates.
    fn verify(&mut self, stream: &Stream) -> Result<(), LinkEnd> {
        let Some(certificates) = &mut self.certificates else { return Ok(()) };
        let chain = stream.peer_certificates().unwrap_or_default();
        certificates.borrow_and_update().verify(chain, self.link.side()).map_err(LinkEnd::NoLongerCertified)
    }

    async fn converse(&mut self, stream: &mut Stream) -> Result<Never, LinkEnd> {
        let connection = |error: std::io::Error| LinkEnd::Connection(net::reason(&error));
        let shared = Arc::clone(&self.shared);
        let stop = self.shared.stop_links.clone();
        let mut neighbour = None;
        let mut work = pin!(shared.link_work.woken(neighbour));
        loop {
            if neighbour != self.link.neighbour() {
                neighbour = self.link.neighbour();
                work.set(shared.link_work.woken(neighbour));
            }
            let is_stopping = stop.is_cancelled();
            if is_stopping {
                self.link.send_all();
            }
            // Subscribed before reading, so that no growth of the change log is missed.
            work.as_mut().enable();
            let deadline = self.transmit()?;
            let is_writing = self.sent < self.out.len();
            let is_busy = deadline <= self.shared.now();
            if is_busy {
                // More work is left than fits into one round.
                yield_now().await;
            }
            // Other nodes should have the records of answered reports before this node exits.
            if is_stopping && !is_writing && !is_busy {
                return Err(LinkEnd::Stopping);
            }
            tokio::select! {
                biased;
                () = stop.cancelled(), if !is_stopping => {}
                () = lost(&mut self.handshake), if self.handshake.is_some() => return Err(LinkEnd::Crowded),
                () = reloaded(&mut self.certificates) => self.verify(stream)?,
                done = exchange(stream, Some(self.lines.room()), &self.out[self.sent..]) => {
                    let done = done.map_err(connection)?;
                    self.sent += done.written.unwrap_or_default();
                    match done.read {
                        Some(0) => return Err(LinkEnd::Connection(net::LOST.to_owned())),
                        Some(_) => self.receive()?,
                        None => {}
                    }
                }
                () = work.as_mut(), if !is_writing => work.set(shared.link_work.woken(neighbour)),
                () = sleep_until(self.shared.started + deadline) => {}
            }
        }
    }

    /// Writes lines that are due, unless a write is in progress. Returns the time of the next call.
    fn transmit(&mut self) -> Result<std::time::Duration, LinkEnd> {
        let now = self.shared.now();
        let node = &mut lock(&self.shared).node;
        self.link.check_alive(node, now)?;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
            let result = self.link.transmit(node, now, clock(), &mut self.out);
            log_said(node, self.link.neighbour(), &self.out);
            result?;
        }
        Ok(self.link.deadline(node, !self.out.is_empty()))
    }

    /// Ends the link, and publishes that it is down, unless another one with the neighbour is up.
    fn close(&mut self, end: &LinkEnd) {
        let mut store = lock(&self.shared);
        let node = &mut store.node;
        self.link.close(node, end, &mut self.out);
        let neighbour = self.link.neighbour().filter(|_| self.link.is_complete());
        if neighbour.is_some_and(|neighbour| !node.is_linked(neighbour)) {
            self.shared.events.link_down(name(node, neighbour), end);
        }
    }

    /// Logs that, according to the neighbour, another process has this node's name.
    fn warn_of_rivalry(&self) {
        let now = self.shared.now();
        let mut store = lock(&self.shared);
        let node = &mut store.node;
        if self.link.neighbour().is_some_and(|neighbour| node.take_rivalry(neighbour, now)) {
            let neighbour = name(node, self.link.neighbour());
            warn!(
                neighbour,
                "several processes have this node's name, and the neighbour links with each in turn; stop all but one"
            );
            let text =
                format!("several processes have this node's name, as {neighbour} says; stop all but one");
            self.shared.events.warn("names", &text);
        }
    }

    fn neighbour_name(&self) -> String {
        name(&lock(&self.shared).node, self.link.neighbour()).to_owned()
    }
}

/// Waits until a connection that is not yet a link loses its seat; forever if it is a link.
async fn lost(handshake: &mut Option<(Seat, Lost)>) {
    match handshake {
        Some((_, lost)) => lost.wait().await,
        None => std::future::pending().await,
    }
}

/// Waits until this node has reloaded its certificates; forever if it has none.
async fn reloaded(certificates: &mut Option<watch::Receiver<Arc<LinkTls>>>) {
    match certificates {
        // Cannot fail: the sender lives as long as the node.
        Some(certificates) => drop(certificates.changed().await),
        None => std::future::pending().await,
    }
}

/// Writes the remaining lines, then closes gracefully.
async fn say_goodbye(shared: &Shared, mut stream: Stream, mut rest: &[u8]) {
    let write = async {
        while !rest.is_empty() {
            rest = &rest[exchange(&mut stream, None, rest).await?.written.unwrap_or_default()..];
        }
        std::io::Result::Ok(())
    };
    // The error is ignored: the neighbour notices the end of the connection.
    let _ = timeout(shared.limits.linger, write).await;
    linger(stream, &shared.limits).await;
}
