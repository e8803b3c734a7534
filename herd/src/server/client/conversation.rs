//! The conversation with one client, from its first line to its last answer.

mod batch;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::alarm::set_earlier;
use crate::message::{Lines, Time};
use crate::net::{Exchanged, Stream, exchange};
use crate::node::{Limits, READ_AS_LINES};
use crate::server::answers::{Answers, Refused};
use crate::server::buffers::Buffers;
use crate::server::new_ids::NewIds;
use crate::server::seats::Seat;
use crate::server::shared::{Shared, clock};
use crate::server::turns::Turns;

/// The end of a conversation without an error.
pub(super) enum End {
    /// The client closed, and all its answers have been sent.
    Closed,
    /// The node closes gracefully, since the client may still be sending.
    Gently(&'static str),
    /// The node closes at once: the client exceeded a timeout, or must not be answered.
    AtOnce(&'static str),
}

/// The reason for closing a client while the disk or the backbone of a strict node fails.
const REFUSED: &str = "its reports cannot be kept safely";

/// The state of the client's input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// The client has closed its sending side. Text without a line end is the last line.
    Ended,
    /// The node ignores further input, for this reason.
    Closed(&'static str),
}

/// The part of its turn that a client has used.
#[derive(Default)]
struct Turn {
    lines: usize,
    bytes: usize,
}

impl Turn {
    fn is_over(&self, limits: &Limits) -> bool {
        self.lines >= limits.turn_lines || self.bytes >= limits.turn_bytes
    }
}

/// A client after its TLS handshake, if there is one.
pub(super) struct Client<'a> {
    shared: Arc<Shared>,
    seat: &'a Seat,
    peer: SocketAddr,
    new_ids: NewIds,
    turns: Arc<Turns>,
    turn: Turn,
    buffers: Buffers,
    lines: Lines,
    answers: Answers,
    input: Input,
    /// The wall-clock time of the last read.
    received: Time,
    /// The time of the last read, which completed every line that has not been answered.
    read: Instant,
    /// The time of the last read or answer.
    active: Instant,
    /// The time when the client last read bytes of an answer, or when the first pending answer
    /// began to wait for it.
    taken: Instant,
    /// The time when the unfinished line began.
    begun: Option<Instant>,
}

impl Client<'_> {
    pub(super) fn new(shared: Arc<Shared>, seat: &Seat, peer: SocketAddr, turns: Arc<Turns>) -> Client<'_> {
        let now = Instant::now();
        Client {
            lines: Lines::with_room(shared.limits.line_bytes, shared.limits.client_receive_buffer as usize),
            buffers: Buffers::default(),
            answers: Answers::default(),
            input: Input::Open,
            received: clock(),
            read: now,
            active: now,
            taken: now,
            begun: None,
            turn: Turn::default(),
            turns,
            new_ids: NewIds::default(),
            shared,
            seat,
            peer,
        }
    }

    /// Answers the client until the conversation ends.
    ///
    /// # Errors
    /// The connection was lost.
    pub(super) async fn converse(&mut self, stream: &mut Stream) -> io::Result<End> {
        let stop = self.shared.stop.clone();
        // Created once, not in each round: a new future takes a lock each time.
        let mut stopping = pin!(stop.cancelled());
        let mut alarm = pin!(sleep_until(self.deadline().0));
        loop {
            if self.answer_lines() == Err(Refused) {
                return Ok(End::AtOnce(REFUSED));
            }
            match self.input {
                Input::Ended if self.answers.is_empty() => return Ok(End::Closed),
                Input::Closed(reason) if self.answers.is_empty() => return Ok(End::Gently(reason)),
                _ => {}
            }
            if self.turn.is_over(&self.shared.limits) {
                self.turns.next().await;
                self.turn = Turn::default();
                continue;
            }
            set_earlier(alarm.as_mut(), self.deadline().0);
            let room = self.wants_input().then(|| self.lines.room());
            let (sendable, pending) = self.answers.parts();
            tokio::select! {
                biased;
                () = stopping.as_mut(), if self.input == Input::Open => self.take_last_input(stream).await?,
                () = alarm.as_mut() => {
                    let (deadline, reason) = self.deadline();
                    if deadline <= Instant::now() {
                        return Ok(End::AtOnce(reason));
                    }
                    alarm.as_mut().reset(deadline);
                }
                waited = pending.any() => match waited {
                    Ok(()) => self.take_answers(),
                    Err(Refused) => return Ok(End::AtOnce(REFUSED)),
                },
                done = exchange(stream, room, sendable) => {
                    let done = done?;
                    self.note_exchanged(done);
                    self.note_busy(done, stream)?;
                }
            }
        }
    }

    fn wants_input(&self) -> bool {
        self.input == Input::Open && !self.is_held_up()
    }

    /// Records the bytes read and written.
    fn note_exchanged(&mut self, done: Exchanged) {
        self.active = Instant::now();
        if let Some(length) = done.written {
            self.answers.sent(length);
            self.taken = self.active;
        }
        match done.read {
            Some(0) => {
                self.input = Input::Ended;
                self.lines.end();
            }
            Some(_) => {
                self.received = clock();
                self.read = self.active;
                self.seat.note_heard(self.active - self.shared.started);
                self.turn.lines += READ_AS_LINES;
            }
            None => {}
        }
    }

    /// Gives the client larger buffers if it sends without pause, reads its answers, and larger
    /// buffers are left.
    fn note_busy(&mut self, done: Exchanged, stream: &Stream) -> io::Result<()> {
        let Some(length) = done.read.filter(|_| self.answers.is_empty()) else { return Ok(()) };
        let available = &self.shared.large_buffers;
        let limits = &self.shared.limits;
        if self.buffers.note_read(length, stream, available, limits)? {
            self.lines.set_most_room(limits.busy_buffer as usize);
        }
        Ok(())
    }

    /// Moves on answers that have waited for places or for the disk.
    fn take_answers(&mut self) {
        self.active = Instant::now();
        if self.answers.sendable().is_empty() {
            self.taken = self.active;
        }
        self.answers.release();
        self.note_answered(self.active);
    }

    /// Reads what the client has sent already, before the node stops reading from it.
    async fn take_last_input(&mut self, stream: &mut Stream) -> io::Result<()> {
        let mut taken = 0;
        while taken < self.shared.limits.unread_answers && self.input == Input::Open {
            let read = exchange(stream, Some(self.lines.room()), &[]);
            let Ok(done) = timeout(Duration::ZERO, read).await else { break };
            let done = done?;
            taken += done.read.unwrap_or_default();
            self.note_exchanged(done);
        }
        if self.input == Input::Open {
            self.input = Input::Closed("the node is stopping");
        }
        Ok(())
    }

    /// The next deadline of the client, and the reason for closing it then.
    fn deadline(&self) -> (Instant, &'static str) {
        let limits = &self.shared.limits;
        if !self.answers.sendable().is_empty() {
            (self.taken + limits.unread_stall, "answers not read")
        } else if self.answers.is_waiting() {
            // The client is not closed while it waits for places or the disk. Requests for places
            // have their own timeout.
            (Instant::now() + limits.idle_client, "idle")
        } else if let Some(begun) = self.begun {
            (begun + limits.unfinished_line, "line not finished")
        } else {
            (self.active + limits.idle_client, "idle")
        }
    }
}
