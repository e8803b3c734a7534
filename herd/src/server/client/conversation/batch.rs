//! Answers the lines that have arrived, in batches: one lock of the store for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::{Client, Input};
use crate::message::{Command, Piece, Refusal, Time};
use crate::node::{Node, PRELOADED, Place};
use crate::server::answers::{Answered, Answers, Refused};
use crate::server::buffers::Buffers;
use crate::server::client::answer_line::{Batch, answer_line};
use crate::server::shared::{Shared, lock};
use crate::server::store::Settled;
use crate::telemetry::Kind;

impl Client<'_> {
    /// Answers the lines that have arrived, within the turn and the other limits.
    pub(super) fn answer_lines(&mut self) -> Result<(), Refused> {
        let was_owed = !self.answers.sendable().is_empty();
        let mut grown = None;
        let mut answered = false;
        let refused = loop {
            match self.answer_some(&mut grown) {
                Ok(true) => answered = true,
                Ok(false) => break Ok(()),
                Err(Refused) => break Err(Refused),
            }
        };
        if let Some((settled, head)) = grown {
            self.shared.note_growth(settled, head);
        }
        refused?;
        if !answered && !self.lines.is_begun() {
            self.begun = None;
            return Ok(());
        }
        let now = Instant::now();
        self.note_answered(now);
        if answered || !self.lines.is_begun() {
            self.begun = None;
        }
        if self.lines.is_begun() {
            self.begun.get_or_insert(now);
        }
        if !was_owed && !self.answers.sendable().is_empty() {
            self.taken = now;
        }
        Ok(())
    }

    /// Answers some lines under one lock of the store. Returns whether there were any. If they have
    /// changed the table, sets `grown` to what was settled before, and the head.
    fn answer_some(&mut self, grown: &mut Option<(Settled, u64)>) -> Result<bool, Refused> {
        let (admitted, bound) = self.new_ids_left();
        if self.is_held_up() || self.turn.is_over(&self.shared.limits) {
            return Ok(false);
        }
        let Client { shared, answers, buffers, lines, turn, .. } = self;
        // Parsed before the lock is taken, so that other threads wait less.
        // Filled in place: a collected vector is moved, with room for all lines.
        let mut ahead: SmallVec<[_; PRELOADED]> = SmallVec::new();
        ahead.extend(lines.ahead().take(PRELOADED).map(Parsed::from));
        if ahead.is_empty() {
            return Ok(false);
        }
        let mut store = lock(shared);
        let settled = store.settled();
        if settled.refuses {
            return Err(Refused);
        }
        let node = &mut store.node;
        for parsed in &mut ahead {
            parsed.place = parsed.command.as_ref().ok().map(|command| node.locate(command.client()));
        }
        node.preload(ahead.iter().filter_map(|parsed| parsed.place.as_ref()));
        node.admit_new_ids(admitted, bound);
        let head = node.table().head();
        let read = shared.durations.is_recording().then_some(self.read);
        let mut batch = Batch::begin(node, settled.answers, read, self.peer);
        let mut taken = 0;
        let mut closing = None;
        for parsed in &ahead {
            turn.lines += 1;
            if let Piece::Line(line) = parsed.piece {
                turn.bytes += line.len();
            }
            taken = parsed.next;
            closing = answer_piece(node, shared, answers, self.peer, parsed, self.received, &mut batch);
            if closing.is_some() || is_held_up(answers, buffers, shared) || turn.is_over(&shared.limits) {
                break;
            }
        }
        let log = batch.end(node, answers);
        let new_ids = admitted - node.new_ids_left();
        if node.table().head() != head {
            *grown = Some((grown.map_or(settled, |(settled, _)| settled), node.table().head()));
        }
        drop(store);
        drop(log);
        drop(ahead);
        lines.take_up_to(taken);
        if let Some(reason) = closing {
            self.input = Input::Closed(reason);
            lines.discard();
        }
        self.note_new_ids(new_ids);
        Ok(true)
    }

    /// The number of new client ids that this client may still report in this second, and why not
    /// more.
    fn new_ids_left(&mut self) -> (u32, Refusal) {
        if self.shared.memory.is_full() {
            return (0, Refusal::MemoryFull);
        }
        let limits = &self.shared.limits;
        if limits.new_ids_per_connection.is_none() && limits.new_ids_per_address.is_none() {
            return (u32::MAX, Refusal::NewIdRate);
        }
        let now = self.shared.now();
        let of_address = self.shared.new_ids.left(self.seat.origin(), now, limits.new_ids_per_address);
        (self.new_ids.left(now, limits.new_ids_per_connection).min(of_address), Refusal::NewIdRate)
    }

    fn note_new_ids(&mut self, taken: u32) {
        if taken > 0 {
            self.new_ids.took(taken);
            self.shared.new_ids.took(self.seat.origin(), taken);
        }
    }

    /// Whether the lines that have arrived must wait.
    pub(super) fn is_held_up(&self) -> bool {
        is_held_up(&self.answers, &self.buffers, &self.shared)
    }

    /// Records how long the lines waited whose answers can be sent since `now`.
    pub(super) fn note_answered(&mut self, now: Instant) {
        for Answered { lines, read } in self.answers.take_answered() {
            self.shared.durations.note_answers(now - read, lines);
        }
    }
}

/// A line that is to be answered.
struct Parsed<'a> {
    piece: Piece<'a>,
    /// The line's meaning, or why it has none.
    command: Result<Command<'a>, Refusal>,
    /// Where the record of the command's client probably is.
    place: Option<Place>,
    /// The offset behind the line.
    next: usize,
}

impl<'a> From<(Piece<'a>, usize)> for Parsed<'a> {
    fn from((piece, next): (Piece<'a>, usize)) -> Parsed<'a> {
        let command = match piece {
            Piece::Line(line) => Command::parse(line),
            Piece::TooLong(_) => Err(Refusal::TooLong),
        };
        Parsed { piece, command, place: None, next }
    }
}

/// Answers one line. Returns the reason for closing the connection, if the line is one.
fn answer_piece(
    node: &mut Node,
    shared: &Arc<Shared>,
    answers: &mut Answers,
    peer: SocketAddr,
    parsed: &Parsed<'_>,
    received: Time,
    batch: &mut Batch,
) -> Option<&'static str> {
    match parsed.piece {
        Piece::Line(line) => {
            let place = |command: &Command<'_>| parsed.place.unwrap_or_else(|| node.locate(command.client()));
            let command = parsed.command.as_ref().map(|command| (command, place(command)));
            let command = command.map_err(|refusal| *refusal);
            let refusal = answer_line(node, shared, answers, peer, (line, command), received, batch);
            (refusal == Some(Refusal::Http)).then_some("HTTP on the client port")
        }
        Piece::TooLong(line) => {
            let shown = &line[..line.len().min(shared.limits.echo_bytes)];
            batch.log(Kind::TooLong, shown);
            batch.log_refusal(Refusal::TooLong, shown);
            node.answer_command(Err(Refusal::TooLong), shown, received, answers.next());
            Some("line too long")
        }
    }
}

/// Whether lines that have arrived must wait.
fn is_held_up(answers: &Answers, buffers: &Buffers, shared: &Shared) -> bool {
    let limits = &shared.limits;
    let fetching = answers.fetching();
    let held = answers.held();
    // Places are requested concurrently, unless many large answers could pile up here.
    let expected = (fetching + 1) * shared.places_bytes.load(Ordering::Relaxed);
    fetching >= limits.whatsat_per_connection
        || held >= buffers.answers_kept(limits)
        || fetching > 0 && held + expected > limits.places_body_bytes
}
