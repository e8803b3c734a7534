//! One connection with a neighbour, from the hello to the end.
//!
//! The side that dialled sends its hello at once, and the other side answers with its own, in the
//! lower of the two versions. Both answer the other's hello with their cursor. A side that has read
//! such an answer considers the link complete. From then on it reads its own change log from
//! that cursor, sends what it finds, and marks how far it got. The other side applies the updates
//! and moves its cursor at each mark. A slow neighbour is merely behind: nothing is queued for it,
//! and updates that are superseded before they are sent are never sent.

mod announcer;
pub(super) mod bucket_sums;
pub(super) mod bulk_sync;
mod end;
mod event;
mod heard_line;
mod log_reader;
mod missing;
mod receive;
mod repair;
mod resender;
mod selection;
mod transmit;

pub use end::LinkEnd;
pub use event::LinkEvent;
pub use heard_line::HeardLine;

use std::time::Duration;

use super::Node;
use super::neighbours::{LinkId, NeighbourId, Side};
use crate::message::{LinkLine, VERSION};
use bulk_sync::BulkReceiver;
use log_reader::LogReader;
use missing::Missing;

/// One end of a connection with a neighbour, as a state machine. Times are durations since any
/// fixed moment.
///
/// The caller passes lines of the neighbour to [`receive`](Self::receive), and sends what
/// [`transmit`](Self::transmit) appends.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use herd::message::Time;
/// use herd::node::{Limits, Link, LinkId, Lives, Node};
///
/// let lives = Lives { epoch: 1, incarnation: 2, hash_seed: 3 };
/// let mut node = Node::new("Alford", &["Parker".to_owned()], Limits::default(), lives);
/// let parker = node.neighbour("Parker").unwrap();
/// let mut link = Link::dialled(LinkId(1), parker, Duration::ZERO);
/// let mut out = Vec::new();
/// link.transmit(&mut node, Duration::ZERO, Time::default(), &mut out).unwrap();
/// assert_eq!(out, b"HELLO 7 Alford 0000000000000001 0000000000000002\n");
/// ```
#[derive(Debug)]
pub struct Link {
    id: LinkId,
    side: Side,
    /// The node that this node dialled, or that sent a hello.
    neighbour: Option<NeighbourId>,
    /// The address of the other side, shown in warnings.
    address: String,
    /// The names in the other side's certificate; `None` if the link is plain TCP.
    certified: Option<Vec<String>>,
    phase: LinkPhase,
    /// The version of the link language in this node's hello.
    version: u64,
    /// Whether this node's hello is to be sent. The side that accepted waits for the other's.
    hello_due: bool,
    /// Whether the answer to the neighbour's hello is to be sent.
    cursor_due: bool,
    /// The epoch in this node's hello, if it has been sent.
    epoch: Option<u64>,
    /// When the last line of the neighbour arrived.
    heard: Duration,
    /// When the next heartbeat is due.
    heartbeat: Duration,
    /// The horizon in the last heartbeat.
    told_horizon: u64,
    /// The neighbour's timer in its last heartbeat, in microseconds, and when that arrived.
    timer: Option<(u64, Duration)>,
    /// The neighbour's bulk sync, from its sums to its next mark.
    bulk: Option<BulkReceiver>,
    /// Whether the neighbour has sent everything that it knew when the link began.
    is_synced: bool,
    /// What the neighbour has announced, and this node may lack.
    missing: Missing,
    /// When there is something to announce or to ask for.
    work_at: Option<Duration>,
    /// When a call last left work that can be done at once.
    busy: Option<Duration>,
}

#[derive(Debug)]
enum LinkPhase {
    AwaitingHello,
    /// The neighbour's hello has arrived, and its cursor has not.
    AwaitingCursor(Peer),
    Complete(Peer, LogReader),
}

/// The content of the neighbour's hello.
#[derive(Clone, Copy, Debug)]
struct Peer {
    neighbour: NeighbourId,
    epoch: u64,
    incarnation: u64,
}

impl Link {
    /// Returns a link on a connection that this node opened to `neighbour`.
    pub fn dialled(id: LinkId, neighbour: NeighbourId, now: Duration) -> Link {
        Link { side: Side::Dialled, neighbour: Some(neighbour), hello_due: true, ..Link::accepted(id, now) }
    }

    /// Returns a link on a connection that this node accepted.
    pub fn accepted(id: LinkId, now: Duration) -> Link {
        Link {
            id,
            side: Side::Accepted,
            neighbour: None,
            address: String::new(),
            certified: None,
            phase: LinkPhase::AwaitingHello,
            version: VERSION,
            hello_due: false,
            cursor_due: false,
            epoch: None,
            heard: now,
            heartbeat: now,
            told_horizon: 0,
            timer: None,
            bulk: None,
            is_synced: false,
            missing: Missing::default(),
            work_at: None,
            busy: None,
        }
    }

    /// Sets the address of the other side.
    pub fn at(self, address: String) -> Link {
        Link { address, ..self }
    }

    /// Notes the names in the other side's certificate. Its hello must contain one of them.
    ///
    /// # Errors
    /// Fails if none of the names is that of the neighbour dialled, or of any neighbour. The link
    /// has ended then.
    pub fn certify(&mut self, node: &Node, names: Vec<String>) -> Result<(), LinkEnd> {
        let shown = if names.is_empty() { "an unnamed node".to_owned() } else { names.join(", ") };
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

    /// Returns the neighbour, if it was dialled or has sent a hello.
    pub fn neighbour(&self) -> Option<NeighbourId> {
        self.neighbour
    }

    /// Returns which side opened the connection.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Lets the next calls of [`transmit`](Self::transmit) send everything that the neighbour may
    /// lack, also what it probably has. Call it when the node stops.
    pub fn send_all(&mut self) {
        if let LinkPhase::Complete(_, reader) = &mut self.phase {
            reader.send_all();
        }
    }

    /// Returns whether the link is complete.
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, LinkPhase::Complete(..))
    }

    /// Checks that the neighbour has not been silent for too long.
    ///
    /// # Errors
    /// Fails with [`LinkEnd::Silent`]; the link has ended then.
    pub fn check_alive(&self, node: &Node, now: Duration) -> Result<(), LinkEnd> {
        let silence = self.patience(node);
        if now >= self.heard + silence { Err(LinkEnd::Silent(silence)) } else { Ok(()) }
    }

    /// Returns the time by which to call [`check_alive`](Self::check_alive) and, unless something
    /// is still being written, [`transmit`](Self::transmit) again.
    pub fn deadline(&self, node: &Node, is_writing: bool) -> Duration {
        let silence = self.heard + self.patience(node);
        let next = self.work_at.map_or(self.heartbeat, |at| at.min(self.heartbeat));
        if is_writing { silence } else { self.busy.unwrap_or(next).min(silence) }
    }

    /// Returns how long the other side may be silent. The bound is shorter before its hello.
    fn patience(&self, node: &Node) -> Duration {
        match self.phase {
            LinkPhase::AwaitingHello => node.limits.link_handshake,
            LinkPhase::AwaitingCursor(_) | LinkPhase::Complete(..) => node.limits.link_silence,
        }
    }

    /// Removes the link from the node, and appends to `out` a last line for the neighbour, if there
    /// is one.
    pub fn close(&self, node: &mut Node, end: &LinkEnd, out: &mut Vec<u8>) {
        if let Some(neighbour) = self.neighbour
            && node.neighbours[neighbour].unlink(self.id)
        {
            node.lose_parent(neighbour);
        }
        node.bulk.take_if(|(link, _)| *link == self.id);
        node.repair.take_if(|(link, _)| *link == self.id);
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
        if let LinkEnd::Version(_) = end {
            self.write_refused_hello(node, out);
        }
        match end {
            LinkEnd::Bye(_) | LinkEnd::Connection(_) => {}
            end => LinkLine::Bye(&end.to_string()).write(out),
        }
    }
}

/// Returns what a timer shows that started at the moment from which times are counted.
fn microseconds(now: Duration) -> u64 {
    now.as_micros() as u64
}
