//! Receiving: what a link does with the neighbour's lines.

use std::time::Duration;

use super::bucket_sums::Differences;
use super::bulk_sync::BulkReceiver;
use super::end::{DIVERGED, DUPLICATE, LinkEnd, RIVAL};
use super::event::LinkEvent;
use super::heard_line::HeardLine;
use super::log_reader::LogReader;
use super::repair::TREES;
use super::{Link, LinkPhase, Peer, microseconds};
use crate::bug::{self, Bug, is_planted};
use crate::message::{Forgotten, LinkLine, OLDEST_VERSION, Time, Update, VERSION, windows, words};
use crate::node::Node;
use crate::node::clock::ClockDifference;
use crate::node::neighbours::{Current, Cursor, NeighbourId, Side};
use crate::node::table::{Outcome, Source};

/// The first version of the language in which heartbeats say what has been forgotten.
pub(super) const FORGETS: u64 = 7;

impl Link {
    /// Processes a line from the neighbour, without its line end. It arrived at `now`, when the
    /// wall clock showed `clock`.
    ///
    /// # Errors
    /// Fails if the link has ended. Lines that were received before stay applied.
    pub fn receive(
        &mut self,
        node: &mut Node,
        line: &[u8],
        now: Duration,
        clock: Time,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        self.receive_parsed(node, &HeardLine::parse(line), now, clock)
    }

    /// Does the same for a line that has been parsed.
    ///
    /// # Errors
    /// Fails as [`receive`](Self::receive) does.
    pub fn receive_parsed(
        &mut self,
        node: &mut Node,
        heard: &HeardLine<'_>,
        now: Duration,
        clock: Time,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        self.heard = now;
        let parsed = heard.parsed.ok_or_else(|| unexpected(heard.line))?;
        match (&self.phase, parsed) {
            (_, LinkLine::Bye(reason)) => Err(end_by_neighbour(reason)),
            (LinkPhase::AwaitingHello, LinkLine::Hello { version, name, epoch, incarnation }) => {
                let peer = self.check_hello(node, version, name, epoch, incarnation)?;
                if self.side == Side::Accepted {
                    self.version = version;
                    self.hello_due = true;
                }
                self.neighbour = Some(peer.neighbour);
                self.phase = LinkPhase::AwaitingCursor(peer);
                self.cursor_due = true;
                Ok(None)
            }
            (LinkPhase::AwaitingCursor(peer), LinkLine::Cursor { epoch, sequence }) => {
                self.complete(node, *peer, Cursor { epoch, sequence }, now).map(Some)
            }
            (LinkPhase::Complete(..), parsed) => self.take_line(node, parsed, heard, now, clock),
            _ => Err(unexpected(heard.line)),
        }
    }

    /// Processes a line on a complete link; `parsed` is the meaning of the line.
    fn take_line(
        &mut self,
        node: &mut Node,
        parsed: LinkLine<'_>,
        heard: &HeardLine<'_>,
        now: Duration,
        clock: Time,
    ) -> Result<Option<LinkEvent>, LinkEnd> {
        let line = heard.line;
        let LinkPhase::Complete(peer, reader) = &mut self.phase else { return Err(unexpected(line)) };
        let peer = *peer;
        if !node.neighbours[peer.neighbour].is_current(self.id) {
            return Err(LinkEnd::Duplicate);
        }
        match parsed {
            LinkLine::Update(_) => {
                let event = take_update(node, peer.neighbour, heard, reader.theirs(), clock);
                self.learn_tree(node, peer.neighbour, heard, &event, now);
                Ok(Some(event))
            }
            LinkLine::UpTo(sequence) => self.take_mark(node, peer, sequence, "", now),
            LinkLine::Sums { seed, group: None, sums } => {
                self.bulk = Some(BulkReceiver::of(seed, sums));
                Ok(None)
            }
            LinkLine::Sums { seed, group: Some(group), sums } => {
                let bulk = self.bulk.as_mut();
                let is_expected = bulk.is_some_and(|bulk| bulk.take_sums(seed, group, sums));
                if is_expected { Ok(None) } else { Err(unexpected(line)) }
            }
            LinkLine::Differ { group, differ } => {
                let mut differences = Differences::default();
                for (bits, word) in differences.iter_mut().zip(words(differ)) {
                    *bits = word;
                }
                let is_expected = reader.take_answer(group, differences);
                if is_expected { Ok(None) } else { Err(unexpected(line)) }
            }
            LinkLine::Prune(origin) | LinkLine::Graft(origin) if self.version >= TREES => {
                node.take_prune(peer.neighbour, origin, matches!(parsed, LinkLine::Prune(_)));
                Ok(None)
            }
            LinkLine::Have { sequence, windows } if self.version >= TREES => {
                self.take_mark(node, peer, sequence, windows, now)
            }
            LinkLine::Want { sequence, windows: wanted } if self.version >= TREES => {
                reader.take_want(node, sequence, windows(wanted));
                Ok(None)
            }
            LinkLine::Gave { windows: sent } if self.version >= TREES => {
                self.take_answer(node, peer, sent, now)
            }
            LinkLine::Synced => {
                self.is_synced = true;
                node.neighbours[peer.neighbour].backoff.reset();
                Ok(Some(LinkEvent::Synced))
            }
            LinkLine::Alive { sum, head, heard, sent, echo, clock: theirs, forgotten }
                if (forgotten == Forgotten::Unsaid) == (self.version < FORGETS) =>
            {
                self.timer = Some((sent, now));
                if take_forgotten(node, forgotten, clock) {
                    compare_records(node, peer, sum, head, heard)?;
                }
                node.neighbours[peer.neighbour].note_heard(heard, node.table.head());
                Ok(note_times(node, peer.neighbour, now, echo, clock, theirs))
            }
            _ => Err(unexpected(line)),
        }
    }

    /// Returns whether a line from the neighbour is an update of a client that the node has no
    /// record of.
    pub fn would_add_client(&self, node: &Node, heard: &HeardLine<'_>) -> bool {
        let is_new = |update: Update<'_>| node.table.get_even_removed(update.client).is_none();
        self.is_complete() && heard.update.is_some_and(is_new)
    }

    /// Checks a hello, and returns its content.
    fn check_hello(
        &self,
        node: &mut Node,
        version: u64,
        name: &str,
        epoch: u64,
        incarnation: u64,
    ) -> Result<Peer, LinkEnd> {
        let is_spoken = match self.side {
            Side::Accepted => (OLDEST_VERSION..=VERSION).contains(&version),
            Side::Dialled => version == self.version,
        };
        if !is_spoken {
            let dialled = self.neighbour.filter(|_| (OLDEST_VERSION..VERSION).contains(&version));
            let Some(dialled) = dialled else { return Err(LinkEnd::Version(version)) };
            node.neighbours[dialled].version = version;
            return Err(LinkEnd::OlderVersion(version));
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
        if !neighbour.offer_link(this, we_are_smaller) {
            return Err(LinkEnd::Duplicate);
        }
        neighbour.rivals.note_process(peer.incarnation, &self.address, now, &node.limits);
        neighbour.note_epoch(peer.epoch);
        // The next dial tries the latest version: the neighbour may be a newer one then.
        neighbour.version = VERSION;
        // A cursor of another epoch, or beyond the end, says nothing about this log.
        let known = heard.epoch == node.epoch && heard.sequence <= node.table.head();
        let from = match known {
            _ if is_planted(Bug::NoResync) => node.table.head(),
            _ if is_planted(Bug::SenderSideCursor) => bug::said(node.epoch, peer.neighbour.0),
            true => heard.sequence,
            false => 0,
        };
        neighbour.begin_log(from);
        let theirs = Source::Neighbour(peer.neighbour, neighbour.generation());
        self.phase = LinkPhase::Complete(peer, LogReader::begin(node, peer.neighbour, theirs, self.id, from));
        Ok(LinkEvent::Up { neighbour: peer.neighbour, from })
    }
}

/// Returns the end of a link that the neighbour closed for `reason`.
fn end_by_neighbour(reason: &str) -> LinkEnd {
    match reason {
        DUPLICATE => LinkEnd::Duplicate,
        DIVERGED => LinkEnd::Diverged,
        RIVAL => LinkEnd::Rival,
        reason => LinkEnd::Bye(reason.escape_default().to_string()),
    }
}

/// Forgets what a neighbour has forgotten. Returns whether both have forgotten the same, and so can
/// compare their records.
fn take_forgotten(node: &mut Node, forgotten: Forgotten, clock: Time) -> bool {
    match forgotten {
        Forgotten::UpTo(window) | Forgotten::Soon(window) => node.hear_forgotten(window, clock),
        Forgotten::Unsaid => {}
    }
    match forgotten {
        Forgotten::UpTo(window) => node.has_forgotten(window),
        Forgotten::Soon(_) => false,
        Forgotten::Unsaid => node.has_forgotten(0),
    }
}

/// Compares this node's records with those of a neighbour that has heard this node's log up to
/// `heard`. `sum` and `head` are those of the neighbour's table.
///
/// # Errors
/// Fails with [`LinkEnd::Diverged`] if both have heard all of each other, and their records differ.
fn compare_records(node: &Node, peer: Peer, sum: u128, head: u64, heard: u64) -> Result<(), LinkEnd> {
    let neighbour = &node.neighbours[peer.neighbour];
    let is_all_heard = neighbour.cursor == Cursor { epoch: peer.epoch, sequence: head };
    let is_all_said = heard == node.table.head();
    if is_all_heard && is_all_said && sum != node.table.sum() {
        return Err(LinkEnd::Diverged);
    }
    Ok(())
}

/// Notes the round trip and the difference of the wall clocks that a heartbeat shows. `echo` is the
/// time of this node's timer at which the heartbeat would have arrived if both directions took no
/// time; 0 if the neighbour has not received a heartbeat of this node yet.
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

fn unexpected(line: &[u8]) -> LinkEnd {
    LinkEnd::Framing(line[..line.len().min(80)].escape_ascii().to_string())
}

fn take_update(
    node: &mut Node,
    neighbour: NeighbourId,
    heard: &HeardLine<'_>,
    source: Source,
    clock: Time,
) -> LinkEvent {
    let line = &*bug::reprinted(heard.line);
    let update = if is_planted(Bug::SkewReprinted) { Update::parse(line) } else { heard.update };
    let Some(update) = update else {
        node.neighbours[neighbour].counters.unacceptable += 1;
        return LinkEvent::Unacceptable;
    };
    let place = heard.place().copied().unwrap_or_else(|| node.table.locate(update.client));
    let outcome = node.table.apply_update_at(place, &update, source);
    let counters = &mut node.neighbours[neighbour].counters;
    match outcome {
        Outcome::Fresh => {
            counters.fresh += 1;
            node.note_news(line, source, Some(clock));
        }
        Outcome::Stale => counters.stale += 1,
    }
    let age = update.report.map(|at| at.skew.age(at.iamat.stamp.time(), clock));
    LinkEvent::Update { outcome, age }
}
