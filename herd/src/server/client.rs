//! One client's connection: lines in, answers out, in order.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tracing::{Level, debug, enabled};

use super::answers::{Answers, Refused};
use super::buffers::Buffers;
use super::linger::linger;
use super::new_ids::NewIds;
use super::seats::{Lost, Seat};
use super::turns::Turns;
use super::{Shared, clock, lock};
use crate::message::{Lines, Piece, Time, begins_http};
use crate::net::{self, Exchanged, Stream, Tcp, exchange};
use crate::node::{Answer, INVALID, Limits, Node, PlacesQuery, READ_AS_LINES, places_answer, write_invalid};
use crate::places::{PlacesError, error_object};

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
            debug!(%peer, reason = "a client of another address needs its place", "closing client");
            None
        }
    };
    let Some(stream) = to_close else { return };
    // The conversation is over: a stop need not wait for this before it ends the links.
    shared.tasks.clone().spawn(async move {
        let _seat = seat;
        tokio::select! {
            () = lost.wait() => {}
            () = linger(stream, &shared.limits) => {}
        }
    });
}

/// The conversation with a client. Returns the connection if it is to be closed gently, and closes it otherwise.
async fn talk(
    shared: &Arc<Shared>,
    seat: &Seat,
    stream: Tcp,
    peer: SocketAddr,
    turns: Arc<Turns>,
) -> Option<Stream> {
    let mut stream = match secure(shared, stream).await {
        Ok(stream) => stream,
        Err(reason) => {
            debug!(%peer, reason, "client lost");
            return None;
        }
    };
    let mut client = Client::new(Arc::clone(shared), seat, peer, turns);
    match client.converse(&mut stream).await {
        Ok(End::Closed) => {
            // Over TLS an end that nobody has announced could be somebody else's doing.
            let _ = timeout(shared.limits.linger, stream.shutdown()).await;
            debug!(%peer, "client closed");
        }
        Ok(End::Gently(reason)) => {
            debug!(%peer, reason, "closing client gently");
            return Some(stream);
        }
        Ok(End::AtOnce(reason)) => debug!(%peer, reason, "closing client"),
        Err(error) => debug!(%peer, reason = net::reason(&error), "client lost"),
    }
    None
}

/// Shakes hands, if clients are served over TLS. Takes no longer than a line may.
async fn secure(shared: &Shared, stream: Tcp) -> Result<Stream, String> {
    let Some(tls) = &shared.encryption.clients else { return Ok(Stream::Plain(stream)) };
    let secured = net::secure_accepted(stream, Arc::clone(&tls.get().accepting));
    match timeout(shared.limits.unfinished_line, shared.stop.run_until_cancelled(secured)).await {
        Ok(Some(Ok(stream))) => Ok(stream),
        Ok(Some(Err((error, _)))) => Err(net::reason(&error)),
        Ok(None) => Err("the node is stopping".to_owned()),
        Err(_) => Err("the handshake took too long".to_owned()),
    }
}

/// How a conversation ended without an error.
enum End {
    /// The client closed, and has all its answers.
    Closed,
    /// The node closes, and the client may still be sending.
    Gently(&'static str),
    /// The client took too long, or cannot be answered.
    AtOnce(&'static str),
}

/// The reason of a node that is to answer nothing while its disk fails.
const REFUSED: &str = "what it said cannot be kept on disk";

/// What is still taken from a client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// The client has closed its sending side: what is left without a line end is a line too.
    Ended,
    /// What has been read is all that counts.
    Closed(&'static str),
}

/// What a client has had of its turn.
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

struct Client<'a> {
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
    /// When the latest bytes were received, by the wall clock.
    received: Time,
    /// When something was last read, or answered.
    active: Instant,
    /// When the client last took a byte that it was owed, or began to be owed some.
    taken: Instant,
    /// When the line begun was begun.
    begun: Option<Instant>,
}

impl Client<'_> {
    fn new(shared: Arc<Shared>, seat: &Seat, peer: SocketAddr, turns: Arc<Turns>) -> Client<'_> {
        let now = Instant::now();
        Client {
            lines: Lines::with_room(shared.limits.line_bytes, shared.limits.client_receive_buffer as usize),
            buffers: Buffers::default(),
            answers: Answers::default(),
            input: Input::Open,
            received: clock(),
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

    async fn converse(&mut self, stream: &mut Stream) -> io::Result<End> {
        let stop = self.shared.stop.clone();
        // Once for all rounds: waiting anew takes a lock each time.
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
                    self.note(done);
                    self.note_busy(done, stream)?;
                }
            }
        }
    }

    /// Answers the lines that have come, as far as the turn and the other limits allow. The store is locked once for all
    /// of them.
    fn answer_lines(&mut self) -> Result<(), Refused> {
        let was_owed = !self.answers.sendable().is_empty();
        let (mut answered, mut held) = (false, false);
        let admitted = self.new_ids_left();
        if !self.is_held_up()
            && let Some(mut piece) = self.lines.next_line()
        {
            let mut store = lock(&self.shared);
            store.node.admit_new_ids(admitted);
            let (head, settled) = (store.node.table().head(), store.settled());
            if settled.refuses {
                return Err(Refused);
            }
            loop {
                answered = true;
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
                            (settled.upto, &mut held),
                        );
                        if !valid && begins_http(line) {
                            self.input = Input::Closed("it speaks HTTP");
                            self.lines.discard();
                        }
                    }
                    Piece::TooLong(line) => {
                        let shown = &line[..line.len().min(self.shared.limits.echo_bytes)];
                        let peer = self.peer;
                        debug!(%peer, line = %shown.escape_ascii(), "received the start of a line too long");
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
            let taken = admitted - store.node.new_ids_left();
            let has_grown = store.node.table().head() != head;
            drop(store);
            if has_grown {
                self.shared.note_growth(settled);
            }
            self.note_new_ids(taken);
        }
        let now = Instant::now();
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

    /// How many new ids may be taken from this client now.
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

    /// Whether lines that have come must wait.
    fn is_held_up(&self) -> bool {
        let limits = &self.shared.limits;
        let fetching = self.answers.fetching();
        let held = self.answers.held();
        // Answers are fetched beside each other, but not if that could make many large ones wait here.
        let expected = (fetching + 1) * self.shared.places_bytes.load(Ordering::Relaxed);
        fetching >= limits.whatsat_per_connection
            || held >= self.buffers.answers_kept(limits)
            || fetching > 0 && held + expected > limits.places_body_bytes
    }

    fn wants_input(&self) -> bool {
        self.input == Input::Open && !self.is_held_up()
    }

    fn note(&mut self, done: Exchanged) {
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
                self.seat.note_heard(self.active - self.shared.started);
                self.turn.lines += READ_AS_LINES;
            }
            None => {}
        }
    }

    /// Gives a client larger buffers, if it sends without pause, reads its answers, and there are any left.
    fn note_busy(&mut self, done: Exchanged, stream: &Stream) -> io::Result<()> {
        let Some(length) = done.read.filter(|_| self.answers.is_empty()) else { return Ok(()) };
        let (available, limits) = (&self.shared.large_buffers, &self.shared.limits);
        if self.buffers.note_read(length, stream, available, limits)? {
            self.lines.set_most_room(limits.busy_buffer as usize);
        }
        Ok(())
    }

    /// Takes answers that have waited for places or for the disk.
    fn take_answers(&mut self) {
        self.active = Instant::now();
        if self.answers.sendable().is_empty() {
            self.taken = self.active;
        }
        self.answers.release();
    }

    /// Takes what the client has sent already, before the node stops listening to it.
    async fn take_last_input(&mut self, stream: &mut Stream) -> io::Result<()> {
        let mut taken = 0;
        while taken < self.shared.limits.unread_answers && self.input == Input::Open {
            let read = exchange(stream, Some(self.lines.room()), &[]);
            let Ok(done) = timeout(Duration::ZERO, read).await else { break };
            let done = done?;
            taken += done.read.unwrap_or_default();
            self.note(done);
        }
        if self.input == Input::Open {
            self.input = Input::Closed("the node is stopping");
        }
        Ok(())
    }

    /// When the client will have taken too long, and for what.
    fn deadline(&self) -> (Instant, &'static str) {
        let limits = &self.shared.limits;
        if !self.answers.sendable().is_empty() {
            (self.taken + limits.unread_stall, "answers not read")
        } else if self.answers.is_waiting() {
            // Waiting for places or for the disk is not the client's fault. Places have a bound of their own.
            (Instant::now() + limits.idle_client, "idle")
        } else if let Some(begun) = self.begun {
            (begun + limits.unfinished_line, "line not finished")
        } else {
            (self.active + limits.idle_client, "idle")
        }
    }
}

/// Answers one line, or begins to. Returns whether it was a valid command.
fn answer_line(
    node: &mut Node,
    shared: &Arc<Shared>,
    answers: &mut Answers,
    peer: SocketAddr,
    line: &[u8],
    received: Time,
    (settled, held): (u64, &mut bool),
) -> bool {
    let logged = enabled!(Level::DEBUG);
    if logged {
        debug!(%peer, line = %line.escape_ascii(), "received");
    }
    let out = answers.next();
    let start = out.len();
    let (answer, sequence) = node.answer(line, received, out);
    let is_valid = !out[start..].starts_with(INVALID);
    if logged && answer == Answer::Written {
        debug!(%peer, line = %out[start..].trim_ascii_end().escape_ascii(), "answered");
    }
    if sequence > settled {
        answers.hold(start, sequence, held, &shared.settled);
    }
    if let Answer::Places { at, query } = answer {
        answers.fetch(look_around(Arc::clone(shared), peer, at, query));
    }
    is_valid
}

/// The whole answer to a WHATSAT that needs the Places service.
async fn look_around(shared: Arc<Shared>, peer: SocketAddr, at: Box<[u8]>, query: PlacesQuery) -> Vec<u8> {
    let json = tokio::select! {
        biased;
        () = shared.stop_places.cancelled() => error_object(&PlacesError::Stopping.to_string()),
        json = shared.places.answer(&query, peer.ip()) => json,
    };
    shared.note_places(json.len());
    debug!(%peer, line = %at.escape_ascii(), places_bytes = json.len(), "answered");
    let mut answer = Vec::new();
    places_answer(&mut answer, &at, &json);
    answer
}

/// Moves the alarm to an earlier deadline. A later one can wait until the alarm rings: that is seldom, and
/// deadlines move with every line.
fn set_earlier(alarm: Pin<&mut Sleep>, deadline: Instant) {
    if deadline < alarm.deadline() {
        alarm.reset(deadline);
    }
}
