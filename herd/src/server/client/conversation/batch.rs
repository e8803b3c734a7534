//! Answers the lines that have arrived, in batches: one lock of the store for each.

use std::sync::atomic::Ordering;

use tokio::time::Instant;
use tracing::debug;

use super::{Client, Input};
use crate::message::{Piece, begins_http};
use crate::node::write_invalid;
use crate::server::answers::{Answered, Refused};
use crate::server::client::answer_line::{Batch, answer_line};
use crate::server::shared::lock;

impl Client<'_> {
    /// Answers the lines that have arrived, within the turn and the other limits.
    pub(super) fn answer_lines(&mut self) -> Result<(), Refused> {
        let was_owed = !self.answers.sendable().is_empty();
        let answered = self.answer_under_lock()?;
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

    /// Answers lines under one lock of the store. Returns whether there were any.
    fn answer_under_lock(&mut self) -> Result<bool, Refused> {
        let admitted = self.new_ids_left();
        if self.is_held_up() {
            return Ok(false);
        }
        let Some(mut piece) = self.lines.next_line() else { return Ok(false) };
        let mut store = lock(&self.shared);
        store.node.admit_new_ids(admitted);
        let head = store.node.table().head();
        let settled = store.settled();
        if settled.refuses {
            return Err(Refused);
        }
        let read = self.shared.durations.is_recording().then_some(self.read);
        let mut batch = Batch::begin(&store.node, settled.upto, read);
        loop {
            self.turn.lines += 1;
            match piece {
                Piece::Line(line) => {
                    self.turn.bytes += line.len();
                    let valid = answer_line(
                        &mut store.node,
                        &self.shared,
                        &mut self.answers,
                        self.peer,
                        line,
                        self.received,
                        &mut batch,
                    );
                    if !valid && begins_http(line) {
                        self.input = Input::Closed("HTTP on the client port");
                        self.lines.discard();
                    }
                }
                Piece::TooLong(line) => {
                    let shown = &line[..line.len().min(self.shared.limits.echo_bytes)];
                    let peer = self.peer;
                    debug!(%peer, line = %shown.escape_ascii(), "received the start of a line that is too long");
                    store.node.note_invalid(shown);
                    write_invalid(self.answers.next(), shown);
                    self.input = Input::Closed("line too long");
                    self.lines.discard();
                }
            }
            if self.is_held_up() || self.turn.is_over(&self.shared.limits) {
                break;
            }
            match self.lines.next_line() {
                Some(next) => piece = next,
                None => break,
            }
        }
        batch.end(&store.node, &mut self.answers);
        let taken = admitted - store.node.new_ids_left();
        let grown = Some(store.node.table().head()).filter(|now| *now != head);
        drop(store);
        if let Some(head) = grown {
            self.shared.note_growth(settled, head);
        }
        self.note_new_ids(taken);
        Ok(true)
    }

    /// The number of new client ids that this client may still report in this second.
    fn new_ids_left(&mut self) -> u32 {
        if self.shared.memory.is_full() {
            return 0;
        }
        let limits = &self.shared.limits;
        if limits.new_ids_per_connection.is_none() && limits.new_ids_per_address.is_none() {
            return u32::MAX;
        }
        let now = self.shared.now();
        let of_address = self.shared.new_ids.left(self.seat.origin(), now, limits.new_ids_per_address);
        self.new_ids.left(now, limits.new_ids_per_connection).min(of_address)
    }

    fn note_new_ids(&mut self, taken: u32) {
        if taken > 0 {
            self.new_ids.took(taken);
            self.shared.new_ids.took(self.seat.origin(), taken);
        }
    }

    /// Whether the lines that have arrived must wait.
    pub(super) fn is_held_up(&self) -> bool {
        let limits = &self.shared.limits;
        let fetching = self.answers.fetching();
        let held = self.answers.held();
        // Places are requested concurrently, unless many large answers could pile up here.
        let expected = (fetching + 1) * self.shared.places_bytes.load(Ordering::Relaxed);
        fetching >= limits.whatsat_per_connection
            || held >= self.buffers.answers_kept(limits)
            || fetching > 0 && held + expected > limits.places_body_bytes
    }

    /// Records how long the lines waited whose answers can be sent since `now`.
    pub(super) fn note_answered(&mut self, now: Instant) {
        for Answered { lines, read } in self.answers.take_answered() {
            self.shared.durations.note_answers(now - read, lines);
        }
    }
}
