//! Answers one line of a client.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use crate::message::{Command, Refusal, Time, Verb};
use crate::node::{Answer, Node, Place, PlacesQuery, Question, places_answer, write_invalid};
use crate::places::{PlacesError, error_object};
use crate::server::answers::{Answered, Answers};
use crate::server::durations::AnswerCounts;
use crate::server::shared::{Shared, lock};
use crate::telemetry::{Kind, LogLines};

/// A batch of lines: what it needs to know of the disk, and what it counts.
pub(super) struct Batch {
    /// The last sequence that clients may learn of.
    settled: u64,
    /// Whether an answer of this batch waits for the disk.
    held: bool,
    /// The time when a read completed the lines; `None` if they are not counted.
    read: Option<Instant>,
    /// The lines of the node before those that have not been [counted](Answers::count) yet.
    counted: AnswerCounts,
    /// The lines and answers for the log, if it shows them.
    log: Option<LogLines>,
}

impl Batch {
    pub(super) fn begin(node: &Node, settled: u64, read: Option<Instant>, peer: SocketAddr) -> Batch {
        let log = LogLines::of_client(peer);
        Batch { settled, held: false, read, counted: AnswerCounts::of(node.lines()), log }
    }

    /// Adds a line to those for the log.
    pub(super) fn log(&mut self, kind: Kind, line: &[u8]) {
        if let Some(log) = &mut self.log {
            log.add(kind, line);
        }
    }

    /// Adds why a line is refused.
    pub(super) fn log_refusal(&mut self, refusal: Refusal, line: &[u8]) {
        if let Some(log) = &mut self.log {
            log.add(Kind::Refused, &refusal.explain(line));
        }
    }

    /// Counts the lines whose answers do not wait for more than the first `waits` of the waiting
    /// answers: all since the last call but the one with the verb `except`.
    fn count(&mut self, node: &Node, answers: &mut Answers, waits: usize, except: Option<Verb>) {
        let Some(read) = self.read else { return };
        let mut upto = AnswerCounts::of(node.lines());
        if let Some(verb) = except {
            upto.0[usize::from(verb != Verb::Iamat)] -= 1;
        }
        answers.count(waits, Answered { read, lines: upto.since(self.counted) });
        self.counted = upto;
    }

    /// Counts the last lines of the batch. Returns its lines for the log, which gets them when they
    /// are dropped.
    pub(super) fn end(mut self, node: &Node, answers: &mut Answers) -> Option<LogLines> {
        self.count(node, answers, answers.waits(), None);
        self.log
    }
}

/// Answers one line, parsed as `command`, or starts a request for its places. Returns why the line
/// was refused, if it was.
pub(super) fn answer_line(
    node: &mut Node,
    shared: &Arc<Shared>,
    answers: &mut Answers,
    peer: SocketAddr,
    (line, command): (&[u8], Result<(&Command<'_>, Place), Refusal>),
    received: Time,
    batch: &mut Batch,
) -> Option<Refusal> {
    batch.log(Kind::Received, line);
    let waits = answers.waits();
    let out = answers.next();
    let start = out.len();
    let (answer, sequence) = node.answer_command(command, line, received, out);
    let refusal = match answer {
        Answer::Refused(refusal) => Some(refusal),
        _ => None,
    };
    if let Some(refusal) = refusal {
        batch.log_refusal(refusal, line);
    }
    if refusal.is_some() || answer == Answer::Written {
        batch.log(Kind::Answered, out[start..].trim_ascii_end());
    }
    if sequence > batch.settled {
        answers.hold(start, sequence, &mut batch.held, &shared.settled);
    }
    match answer {
        Answer::Written | Answer::Refused(_) => {}
        Answer::Places { at, query } => answers.fetch(fetch_places(Arc::clone(shared), peer, at, query)),
        Answer::Elsewhere(question) => {
            answers.fetch(ask_elsewhere(Arc::clone(shared), peer, line.into(), question));
        }
    }
    if answers.waits() > waits {
        // Only answers to valid commands wait. The lines before this one do not wait with it.
        batch.count(node, answers, waits, Some(Verb::of(line)));
    }
    refusal
}

/// The whole answer to the WHATSAT `line` about a client that other nodes hold.
async fn ask_elsewhere(
    shared: Arc<Shared>,
    peer: SocketAddr,
    line: Box<[u8]>,
    question: Question,
) -> Vec<u8> {
    let found = tokio::select! {
        biased;
        () = shared.stop_places.cancelled() => Err(Refusal::Unanswered),
        found = shared.look_up(question.client.clone()) => found,
    };
    let mut answer = Vec::new();
    match found.and_then(|at| question.ask(&at, &mut answer).ok_or(Refusal::Unanswered)) {
        Ok(Answer::Places { at, query }) => fetch_places(shared, peer, at, query).await,
        Ok(_) => answer,
        Err(refusal) => {
            lock(&shared).node.note_refusal(refusal);
            let reason = refusal.explain(&line);
            debug!(%peer, reason = %reason.escape_ascii(), "refused");
            write_invalid(&mut answer, &line);
            answer
        }
    }
}

/// The whole answer to a WHATSAT that needs the Places service.
async fn fetch_places(shared: Arc<Shared>, peer: SocketAddr, at: Box<[u8]>, query: PlacesQuery) -> Vec<u8> {
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
