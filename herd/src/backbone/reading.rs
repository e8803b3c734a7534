//! The task that reads what all regions have received.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Message;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::engine::{Engine, PATIENCE, Subject, parsed};
use super::failure::Failure;
use super::message::{CURSOR, Header, node_of};
use super::reader::{Lengths, Next, Reader, Start, StreamState, is_heard};
use super::requests::{AgainAnswer, AgainRequest};
use super::settings::Settings;
use crate::ambient;
use crate::message::Update;
use crate::node::{Node, PRELOADED, Selection};
use crate::server::{BackboneState, Progress, TableAccess};
use crate::traces::TRACEPARENT;

/// The pause before another attempt, and before other regions are asked again whether they have
/// published what this one lacks. The servers are not asked more often than that.
pub const PAUSE: Duration = Duration::from_millis(250);

/// The interval at which other regions are asked, until one of them takes the request.
pub const ASK: Duration = Duration::from_secs(5);

/// How many messages are read without asking other regions first. A message has at most about 500
/// lines, and a node reads some 200,000 of them a second. Another region publishes a million
/// clients in some 2,000 messages, from two of its nodes.
const MOST: Lengths = Lengths { first: 4_000, resumed: 100_000 };

/// Reads until the node stops. What is to be published again is sent to `again`.
pub(super) async fn run(
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    again: mpsc::Sender<Selection>,
) {
    let closing = access.closing();
    let Settings { region, shards, .. } = &engine.settings;
    let reader = Reader::new(region, *shards, ambient::random());
    let mut task = Reading { engine, state, access, again, reader, logged: None };
    let read = async {
        loop {
            let result = task.read().await;
            task.state.note_reading(false);
            let Err(failure) = result else { continue };
            task.note_failure(&failure);
            sleep(PAUSE).await;
        }
    };
    closing.run_until_cancelled(read).await;
}

struct Reading {
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    again: mpsc::Sender<Selection>,
    reader: Reader,
    /// The failure that has been logged and still lasts.
    logged: Option<Discriminant<Failure>>,
}

impl Reading {
    /// Reads until the backbone fails.
    async fn read(&mut self) -> Result<(), Failure> {
        let (stream, known) = self.engine.stream().await?;
        let answered = self.ask_first(known).await;
        let reader = &mut self.reader;
        let (from, start) = self.access.change(|node| reader.begin(node, known, answered));
        if start == Start::NewStream {
            // A region that has lost everything as well finds it in the new stream. Fails if the
            // node stops.
            let _ = self.again.send(self.access.look(Node::left_to_publish)).await;
        }
        let mut messages = self.engine.messages(&stream, from).await?;
        info!(stream = self.engine.settings.stream, from, "updates of other regions are read");
        self.state.note_unread(known.last.saturating_sub(from - 1));
        self.state.note_reading(true);
        self.note_progress();
        let mut ask_at = Instant::now();
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return Ok(()) };
                    self.take(&message.map_err(Failure::of("read"))?).await?;
                    self.logged = None;
                }
                () = sleep_until(ask_at), if self.reader.lacks().is_some() => {
                    let is_taken = self.ask_again().await?;
                    ask_at = Instant::now() + if is_taken { PAUSE } else { ASK };
                }
            }
        }
    }

    /// Takes a message.
    async fn take(&mut self, message: &Message) -> Result<(), Failure> {
        let info = message.info().map_err(Failure::of("read"))?;
        let sequence = info.stream_sequence;
        self.state.note_unread(info.pending);
        let reader = &mut self.reader;
        let (next, lost) = reader.check(sequence);
        match next {
            Next::Known => return Ok(()),
            Next::Hole(missing) => {
                return Err(Failure::Hole { from: sequence - missing, to: sequence - 1 });
            }
            Next::Apply => {}
        }
        if lost > 0 {
            warn!(lost, before = sequence, "messages of other regions are lost");
            self.state.messages_lost.fetch_add(lost, Ordering::Relaxed);
        }
        // What a node of this region published may have reached no other node of it, but as a rule
        // it came over a link before.
        if let Some((_, publisher)) = node_of(&self.engine.settings.stream, &message.subject) {
            let header = message.headers.as_ref().and_then(|headers| headers.get(CURSOR));
            let header = header.and_then(|header| header.as_str().parse::<Header>().ok());
            let is_heard = header.is_some_and(|header| self.take_header(&publisher, header));
            // A node that holds only some shards has no links.
            if !is_heard || !self.engine.settings.shards.are_all() {
                let parent = message.headers.as_ref().and_then(|headers| headers.get(TRACEPARENT));
                let parent = parent.map(async_nats::HeaderValue::as_str);
                let traced = self.engine.traces.read(parent, &publisher, &message.payload);
                self.apply(&message.payload).await?;
                traced.end();
            }
            self.state.messages_read.fetch_add(1, Ordering::Relaxed);
            if let Some(header) = header {
                self.reader.note_header(publisher, header);
            }
        }
        let reader = &mut self.reader;
        self.access.change(|node| reader.note_applied(node, sequence));
        self.note_progress();
        Ok(())
    }

    fn note_progress(&self) {
        let reader = &self.reader;
        let (stream, read, skipped) = reader.place_in_stream();
        self.state.note_progress(Progress { stream, read, skipped, is_whole: reader.is_whole() });
    }

    /// Forgets what the publisher of a message has forgotten. Returns whether this node has heard
    /// over links what the message says.
    fn take_header(&self, publisher: &str, header: Header) -> bool {
        let clock = self.access.clock();
        self.access.change(|node| {
            node.hear_forgotten(header.forgotten, clock);
            is_heard(node, publisher, &header)
        })
    }

    /// Applies the updates of a message, in pieces, so that others have their turns.
    async fn apply(&self, lines: &[u8]) -> Result<(), Failure> {
        let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        for lines in lines.chunks(PRELOADED) {
            let updates: Vec<Update<'_>> = lines.iter().filter_map(|line| Update::parse(line)).collect();
            let is_full = self.access.is_memory_full();
            if is_full && updates.iter().any(|update| self.access.would_add_client(update)) {
                return Err(Failure::MemoryFull);
            }
            let clock = self.access.clock();
            let fresh = self.access.change(|node| node.apply_from_backbone(&updates, clock));
            let count = |counter: &AtomicU64, by: usize| {
                counter.fetch_add(by as u64, Ordering::Relaxed);
            };
            count(&self.state.updates_fresh, fresh);
            count(&self.state.updates_stale, updates.len() - fresh);
            count(&self.state.updates_unacceptable, lines.len() - updates.len());
            yield_now().await;
        }
        Ok(())
    }

    /// Asks another region to publish all that it has, if there is much to read. Without an answer,
    /// this node reads it.
    async fn ask_first(&mut self, stream: StreamState) -> Option<(AgainRequest, AgainAnswer)> {
        let reader = &mut self.reader;
        let request = self.access.look(|node| reader.asks_first(node, stream, MOST))?;
        let answer = self.ask(&request).await?;
        info!(
            upto = answer.read,
            "another region publishes all that it has, so earlier messages are not read"
        );
        Some((request, answer))
    }

    /// Asks other regions to publish again what this one may lack, or whether they have. Returns
    /// whether a node has taken the request.
    async fn ask_again(&mut self) -> Result<bool, Failure> {
        let Some(request) = self.reader.lacks().cloned() else { return Ok(false) };
        let answer = self.ask(&request).await;
        let reader = &mut self.reader;
        match answer {
            Some(answer) => {
                self.access.change(|node| reader.note_answer(node, answer));
                self.note_progress();
            }
            None if reader.note_unanswered() => return Err(Failure::Unanswered),
            None => self.note_progress(),
        }
        Ok(answer.is_some())
    }

    async fn ask(&self, request: &AgainRequest) -> Option<AgainAnswer> {
        match self.engine.ask(Subject::Again, request.to_string(), PATIENCE).await {
            Ok(answer) => parsed(&answer),
            Err(failure) => {
                debug!(reason = %failure, "no other region answers");
                None
            }
        }
    }

    /// Logs a failure, unless it lasts.
    fn note_failure(&mut self, failure: &Failure) {
        if self.logged.replace(discriminant(failure)) != Some(discriminant(failure)) {
            warn!(reason = %failure, "nothing is read from other regions");
            self.access.warn(&format!("nothing is read from other regions: {failure}"));
        }
    }
}
