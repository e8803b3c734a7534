//! One connection with a neighbour, from hello to goodbye.
//!
//! Both sides say hello at once. Each answers the other's hello with the cursor up to which it has heard the
//! other's change log; a side that has read such an answer takes the link as complete. From then on it reads
//! its own log from that cursor, writes what it finds, and marks how far it got; the other side applies it and
//! moves its cursor at each mark. A slow neighbour is merely behind: nothing is queued for it, and what is
//! superseded before it gets there is never said.

pub(super) mod bucket_sums;
pub(super) mod bulk_sync;
mod end;
mod event;
mod log_reader;
mod receive;
mod transmit;

pub use end::LinkEnd;
pub use event::LinkEvent;

use std::time::Duration;

use super::Node;
use super::neighbours::{LinkId, NeighbourId, Side};
use crate::message::LinkLine;
use bulk_sync::BulkReceiver;
use log_reader::LogReader;

/// One end of a connection with a neighbour. Times are durations since any fixed moment.
#[derive(Debug)]
pub struct Link {
    id: LinkId,
    side: Side,
    /// Whom this node dialled, or who said hello.
    neighbour: Option<NeighbourId>,
    /// The address of the other side, for people.
    address: String,
    /// The names that the other side has proved to have, where it was asked to.
    certified: Option<Vec<String>>,
    phase: LinkPhase,
    /// Our hello is to be written.
    hello_due: bool,
    /// Our answer to the neighbour's hello is to be written.
    cursor_due: bool,
    /// The epoch that our hello named.
    epoch: u64,
    /// When the neighbour was last heard.
    heard: Duration,
    /// When the next heartbeat is due.
    heartbeat: Duration,
    /// What the neighbour's timer showed in its last heartbeat, and when that came.
    timer: Option<(u64, Duration)>,
    /// The neighbour's bulk sync, from its sums until its next mark.
    bulk: Option<BulkReceiver>,
    /// When there was more to be done at once than one call does.
    busy: Option<Duration>,
}

#[derive(Debug)]
enum LinkPhase {
    AwaitingHello,
    /// The neighbour's hello has come, its answer to ours has not.
    AwaitingCursor(Peer),
    Complete(Peer, LogReader),
}

/// What the neighbour's hello said.
#[derive(Clone, Copy, Debug)]
struct Peer {
    neighbour: NeighbourId,
    epoch: u64,
    incarnation: u64,
}

impl Link {
    /// A connection that this node has made to `neighbour`.
    pub fn dialled(id: LinkId, neighbour: NeighbourId, now: Duration) -> Link {
        Link { side: Side::Dialled, neighbour: Some(neighbour), ..Link::accepted(id, now) }
    }

    /// A connection that somebody has made to this node.
    pub fn accepted(id: LinkId, now: Duration) -> Link {
        Link {
            id,
            side: Side::Accepted,
            neighbour: None,
            address: String::new(),
            certified: None,
            phase: LinkPhase::AwaitingHello,
            hello_due: true,
            cursor_due: false,
            epoch: 0,
            heard: now,
            heartbeat: now,
            timer: None,
            bulk: None,
            busy: None,
        }
    }

    /// Notes the address of the other side.
    pub fn at(self, address: String) -> Link {
        Link { address, ..self }
    }

    /// Takes note of the names that the other side has proved to have: its hello must say one of them.
    ///
    /// # Errors
    /// None of them is a neighbour's, or that of the neighbour dialled. The link has ended.
    pub fn certify(&mut self, node: &Node, names: Vec<String>) -> Result<(), LinkEnd> {
        let shown = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        if let Some(dialled) = self.neighbour {
            let dialled = &node.neighbours[dialled].name;
            if !names.contains(dialled) {
                return Err(LinkEnd::WrongName(dialled.clone(), shown));
            }
        } else if !names.iter().any(|name| node.neighbour(name).is_some()) {
            return Err(LinkEnd::Stranger(shown, node.name.clone()));
        }
        self.certified = Some(names);
        Ok(())
    }

    /// With whom, once that is known.
    pub fn neighbour(&self) -> Option<NeighbourId> {
        self.neighbour
    }

    /// Who began the connection.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Whether the link is complete.
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, LinkPhase::Complete(..))
    }

    /// Checks that the neighbour has been heard lately.
    ///
    /// # Errors
    /// It has been silent for too long: the link has ended.
    pub fn check_alive(&self, node: &Node, now: Duration) -> Result<(), LinkEnd> {
        let silence = self.patience(node);
        if now >= self.heard + silence { Err(LinkEnd::Silent(silence)) } else { Ok(()) }
    }

    /// When [`check_alive`](Self::check_alive) and, unless something is still being written, when
    /// [`transmit`](Self::transmit) is to be called again at the latest.
    pub fn deadline(&self, node: &Node, is_writing: bool) -> Duration {
        let silence = self.heard + self.patience(node);
        if is_writing { silence } else { self.busy.unwrap_or(self.heartbeat).min(silence) }
    }

    /// How long the other side may be silent: one that has not said who it is, less.
    fn patience(&self, node: &Node) -> Duration {
        match self.phase {
            LinkPhase::AwaitingHello => node.limits.link_handshake,
            LinkPhase::AwaitingCursor(_) | LinkPhase::Complete(..) => node.limits.link_silence,
        }
    }

    /// Forgets the link, and appends to `out` what its neighbour should be told.
    pub fn close(&self, node: &mut Node, end: &LinkEnd, out: &mut Vec<u8>) {
        if let Some(neighbour) = self.neighbour {
            node.neighbours[neighbour].unlink(self.id);
        }
        node.bulk.take_if(|(link, _)| *link == self.id);
        if *end == LinkEnd::Rival
            && let Some(neighbour) = self.neighbour
        {
            node.neighbours[neighbour].backoff.exhaust();
        }
        if *end == LinkEnd::Diverged
            && let LinkPhase::Complete(peer, _) = &self.phase
        {
            let neighbour = &mut node.neighbours[peer.neighbour];
            neighbour.divergences += 1;
            neighbour.forget();
        }
        match end {
            LinkEnd::Bye(_) | LinkEnd::Connection(_) => {}
            end => LinkLine::Bye(&end.to_string()).write(out),
        }
    }
}

/// What a timer shows that began with the moment that times are counted from.
fn microseconds(now: Duration) -> u64 {
    now.as_micros() as u64
}
