//! One connection with a neighbour, from hello to goodbye.
//!
//! Both sides say hello at once. Each answers the other's hello with the cursor up to which it has heard the
//! other's change log; a side that has read such an answer takes the link as complete. From then on it reads
//! its own log from that cursor, writes what it finds, and marks how far it got; the other side applies it and
//! moves its cursor at each mark. A slow neighbour is merely behind: nothing is queued for it, and what is
//! superseded before it gets there is never said.

use std::mem;
use std::time::Duration;

use super::Node;
use super::buckets::Differences;
use super::bulk::{Progress, Receiving};
use super::clock::ClockDifference;
use super::link_event::{DIVERGED, DUPLICATE, LinkEnd, LinkEvent, RIVAL};
use super::neighbours::{Current, Cursor, LinkId, NeighbourId, Side};
use super::reader::Reader;
use super::record::Source;
use super::table::Outcome;
use crate::bug::{self, Bug, is_planted};
use crate::message::{LinkLine, Time, Update, VERSION, words};

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
    phase: Phase,
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
    bulk: Option<Receiving>,
    /// When there was more to be done at once than one call does.
    busy: Option<Duration>,
}

#[derive(Debug)]
enum Phase {
    AwaitingHello,
    /// The neighbour's hello has come, its answer to ours has not.
    AwaitingCursor(Peer),
    Complete(Peer, Reader),
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
            phase: Phase::AwaitingHello,
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
        let all = || if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        if let Some(dialled) = self.neighbour {
            let dialled = &node.neighbours[dialled].name;
            if !names.contains(dialled) {
                return Err(LinkEnd::WrongName(dialled.clone(), all()));
            }
        } else if !names.iter().any(|name| node.neighbour(name).is_some()) {
            return Err(LinkEnd::Stranger(all(), node.name.clone()));
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
        matches!(self.phase, Phase::Complete(..))
    }

    /// Takes a line from the neighbour, at `now`, when the wall clock shows `clock`.
    ///
    /// # Errors
    /// The link has ended. What was received before counts.
    pub fn receive(
        &mut self,
        node: &mut Node,
        line: &[u8],
        now: Duration,
        clock: Time,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        self.heard = now;
        let parsed = LinkLine::parse(line).ok_or_else(|| unexpected(line))?;
        if let LinkLine::Bye(reason) = parsed {
            return Err(match reason {
                DUPLICATE => LinkEnd::Duplicate,
                DIVERGED => LinkEnd::Diverged,
                RIVAL => LinkEnd::Rival,
                reason => LinkEnd::Bye(reason.escape_default().to_string()),
            });
        }
        match (&self.phase, parsed) {
            (Phase::AwaitingHello, LinkLine::Hello { version, name, epoch, incarnation }) => {
                let peer = self.greet(node, version, name, epoch, incarnation)?;
                self.neighbour = Some(peer.neighbour);
                self.phase = Phase::AwaitingCursor(peer);
                self.cursor_due = true;
                Ok(None)
            }
            (Phase::AwaitingCursor(peer), LinkLine::Cursor { epoch, sequence }) => {
                self.complete(node, *peer, Cursor { epoch, sequence }, now).map(Some)
            }
            (Phase::Complete(..), parsed) => self.receive_complete(node, parsed, line, now, clock),
            _ => Err(unexpected(line)),
        }
    }

    /// Takes a line on a complete link, where `line` means `parsed`.
    fn receive_complete(
        &mut self,
        node: &mut Node,
        parsed: LinkLine<'_>,
        line: &[u8],
        now: Duration,
        clock: Time,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        let Phase::Complete(peer, reader) = &mut self.phase else { return Err(unexpected(line)) };
        if !node.neighbours[peer.neighbour].is_current(self.id) {
            return Err(LinkEnd::Duplicate);
        }
        match parsed {
            LinkLine::Update(line) => Ok(Some(take_update(node, line, reader.theirs()))),
            LinkLine::UpTo(sequence) => {
                node.neighbours[peer.neighbour].cursor = Cursor { epoch: peer.epoch, sequence };
                node.bulk.take_if(|(link, _)| *link == self.id);
                Ok(self.bulk.take().map(|_| LinkEvent::BulkOver))
            }
            LinkLine::Sums { seed, group: None, sums } => {
                self.bulk = Some(Receiving::of(seed, sums));
                Ok(None)
            }
            LinkLine::Sums { seed, group: Some(group), sums } => {
                let bulk = self.bulk.as_mut();
                let is_expected = bulk.is_some_and(|bulk| bulk.take_sums(seed, group, sums));
                if is_expected { Ok(None) } else { Err(unexpected(line)) }
            }
            LinkLine::Differ { group, differ } => {
                let mut differences = Differences::default();
                differences.iter_mut().zip(words(differ)).for_each(|(bits, word)| *bits = word);
                let is_expected = reader.take_answer(group, differences);
                if is_expected { Ok(None) } else { Err(unexpected(line)) }
            }
            LinkLine::Synced => {
                node.neighbours[peer.neighbour].backoff.reset();
                Ok(Some(LinkEvent::Synced))
            }
            LinkLine::Alive { sum, head, heard, sent, echo, clock: theirs } => {
                self.timer = Some((sent, now));
                let heard_all = Cursor { epoch: peer.epoch, sequence: head };
                let neighbour = &mut node.neighbours[peer.neighbour];
                neighbour.note_heard(heard, node.table.head());
                let is_all_heard = neighbour.cursor == heard_all;
                let is_all_said = heard == node.table.head();
                if is_all_heard && is_all_said && sum != node.table.sum() {
                    return Err(LinkEnd::Diverged);
                }
                Ok(note_times(node, peer.neighbour, now, echo, clock, theirs))
            }
            LinkLine::Hello { .. } | LinkLine::Cursor { .. } | LinkLine::Bye(_) => Err(unexpected(line)),
        }
    }

    /// Whether a line from the neighbour tells of a client that the node does not know yet.
    pub fn would_add_client(&self, node: &Node, line: &[u8]) -> bool {
        let Some(LinkLine::Update(line)) = LinkLine::parse(line) else { return false };
        let is_new = |update: Update<'_>| node.table.get_even_removed(update.client).is_none();
        self.is_complete() && Update::parse(line).is_some_and(is_new)
    }

    /// Checks that the neighbour has been heard lately.
    ///
    /// # Errors
    /// It has been silent for too long: the link has ended.
    pub fn check_alive(&self, node: &Node, now: Duration) -> Result<(), LinkEnd> {
        let silence = self.patience(node);
        if now >= self.heard + silence { Err(LinkEnd::Silent(silence)) } else { Ok(()) }
    }

    /// Appends to `out` what is due at `now`, when the wall clock shows `clock`: hello, cursor, heartbeat, or some of the log, about
    /// [`link_batch_bytes`](super::Limits::link_batch_bytes) of it. To be called when all that was written
    /// before has been sent, whenever the table has changed, and at [`deadline`](Self::deadline).
    ///
    /// # Errors
    /// The link has ended; a last line for the neighbour may have been appended.
    pub fn transmit(
        &mut self,
        node: &mut Node,
        now: Duration,
        clock: Time,
        out: &mut Vec<u8>,
    ) -> Result<(), LinkEnd> {
        let heartbeat_due = now >= self.heartbeat;
        if heartbeat_due || is_planted(Bug::StarvedHeartbeat) {
            self.heartbeat = now + node.limits.heartbeat;
        }
        if mem::take(&mut self.hello_due) {
            let (name, epoch, incarnation) = (node.name.as_str(), node.epoch, node.incarnation);
            self.epoch = epoch;
            LinkLine::Hello { version: VERSION, name, epoch, incarnation }.write(out);
        }
        if let Some(neighbour) = self.neighbour
            && mem::take(&mut self.cursor_due)
        {
            let Cursor { epoch, sequence } = node.neighbours[neighbour].cursor;
            LinkLine::Cursor { epoch, sequence }.write(out);
        }
        if self.epoch != node.epoch {
            return Err(LinkEnd::NewEpoch);
        }
        if let Phase::Complete(peer, reader) = &mut self.phase {
            if !node.neighbours[peer.neighbour].is_current(self.id) {
                return Err(LinkEnd::Duplicate);
            }
            if heartbeat_due && !is_planted(Bug::NoHeartbeat) {
                let cursor = node.neighbours[peer.neighbour].cursor;
                let heard = if cursor.epoch == peer.epoch { cursor.sequence } else { 0 };
                let echo = self
                    .timer
                    .map_or(0, |(timer, then)| timer.saturating_add(microseconds(now.saturating_sub(then))));
                let (sum, head, sent) = (node.table.sum(), node.table.head(), microseconds(now));
                let clock = clock.microseconds();
                LinkLine::Alive { sum, head, heard, sent, echo, clock }.write(out);
            }
            let (said, mut is_busy) = reader.write_changes(node, heartbeat_due, out);
            node.counters.said += said;
            node.neighbours[peer.neighbour].told = reader.told();
            if let Some(bulk) = &mut self.bulk
                && node.bulk.get_or_insert((self.id, peer.neighbour)).0 == self.id
            {
                is_busy |= bulk.go_on(node, out) == Progress::Busy;
            }
            self.busy = is_busy.then_some(now);
        }
        Ok(())
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
            Phase::AwaitingHello => node.limits.link_handshake,
            Phase::AwaitingCursor(_) | Phase::Complete(..) => node.limits.link_silence,
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
            && let Phase::Complete(peer, _) = &self.phase
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

    /// Checks a hello.
    fn greet(
        &self,
        node: &Node,
        version: u64,
        name: &str,
        epoch: u64,
        incarnation: u64,
    ) -> Result<Peer, LinkEnd> {
        if version != VERSION {
            return Err(LinkEnd::Version(version));
        }
        if let Some(names) = self.certified.as_ref().filter(|names| !names.iter().any(|known| known == name))
        {
            return Err(LinkEnd::Impostor(names.join(", "), name.to_owned()));
        }
        let neighbour = node.neighbour(name);
        if let Some(dialled) = self.neighbour.filter(|dialled| Some(*dialled) != neighbour) {
            return Err(LinkEnd::WrongName(node.neighbours[dialled].name.clone(), name.to_owned()));
        }
        let neighbour = neighbour.ok_or_else(|| LinkEnd::Stranger(name.to_owned(), node.name.clone()))?;
        Ok(Peer { neighbour, epoch, incarnation })
    }

    fn complete(
        &mut self,
        node: &mut Node,
        peer: Peer,
        heard: Cursor,
        now: Duration,
    ) -> Result<LinkEvent, LinkEnd> {
        let neighbour = &mut node.neighbours[peer.neighbour];
        if neighbour.is_linked() && !neighbour.rivals.may_replace(peer.incarnation, now, &node.limits) {
            return Err(LinkEnd::Rival);
        }
        let we_are_smaller = node.name < neighbour.name;
        let this = Current { link: self.id, incarnation: peer.incarnation, side: self.side };
        if !neighbour.offer(this, we_are_smaller) {
            return Err(LinkEnd::Duplicate);
        }
        neighbour.rivals.note(peer.incarnation, &self.address, now, &node.limits);
        neighbour.meet(peer.epoch);
        // A cursor of another life, or beyond the end, says nothing about this log.
        let known = heard.epoch == node.epoch && heard.sequence <= node.table.head();
        let from = match known {
            _ if is_planted(Bug::NoResync) => node.table.head(),
            _ if is_planted(Bug::SenderSideCursor) => bug::said(node.epoch, peer.neighbour.0),
            true => heard.sequence,
            false => 0,
        };
        neighbour.begin_log(from);
        let theirs = Source::Neighbour(peer.neighbour, neighbour.generation());
        self.phase = Phase::Complete(peer, Reader::begin(node, peer.neighbour, theirs, self.id, from));
        Ok(LinkEvent::Up { neighbour: peer.neighbour, from })
    }
}

/// Notes what a heartbeat tells of the way and of the wall clocks: `echo` is what this node's timer showed when the heartbeat
/// would have come, had both ways taken no time; 0 before a heartbeat of this node has been answered.
fn note_times(
    node: &mut Node,
    neighbour: NeighbourId,
    now: Duration,
    echo: u64,
    ours: Time,
    theirs: u64,
) -> Option<LinkEvent> {
    if echo == 0 {
        return None;
    }
    let round_trip = Duration::from_micros(microseconds(now).saturating_sub(echo));
    let difference = ClockDifference::measure(theirs, ours, round_trip);
    let neighbour = &mut node.neighbours[neighbour];
    neighbour.round_trip = Some(round_trip);
    let differ = neighbour.note_clock(difference, node.limits.clock_difference)?;
    Some(if differ { LinkEvent::ClocksDiffer(difference) } else { LinkEvent::ClocksAgree(difference) })
}

/// What a timer shows that began with the moment that times are counted from.
fn microseconds(now: Duration) -> u64 {
    now.as_micros() as u64
}

fn unexpected(line: &[u8]) -> LinkEnd {
    LinkEnd::Framing(line[..line.len().min(80)].escape_ascii().to_string())
}

fn take_update(node: &mut Node, line: &[u8], source: Source) -> LinkEvent {
    let line = &*bug::reprinted(line);
    let Some(update) = Update::parse(line) else {
        node.counters.unacceptable += 1;
        return LinkEvent::Unacceptable;
    };
    let outcome = node.table.apply(&update, source);
    match outcome {
        Outcome::Fresh => node.counters.fresh += 1,
        Outcome::Stale => node.counters.stale += 1,
    }
    LinkEvent::Update(outcome)
}
