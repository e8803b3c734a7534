//! The task that reads what all regions have received.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Message;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, info, warn};

use super::engine::{Engine, PATIENCE, Subject};
use super::failure::Failure;
use super::message::{CURSOR, Header, node_of};
use super::reader::{Next, Reader, Start, is_heard};
use super::requests::AgainRequest;
use crate::message::Update;
use crate::node::{Node, PRELOADED, Selection};
use crate::server::{BackboneState, TableAccess};
use crate::traces::TRACEPARENT;

/// The pause before another attempt. The servers are not asked more often than that.
pub const PAUSE: Duration = Duration::from_millis(250);

/// The interval at which other regions are asked, until one of them takes the request.
pub const ASK: Duration = Duration::from_secs(5);

/// Reads until the node stops. What is to be published again is sent to `again`.
pub(super) async fn run(
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    again: mpsc::Sender<Selection>,
) {
    let closing = access.closing();
    let mut task = Reading { engine, state, access, again, reader: Reader::default(), logged: None };
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
        let reader = &mut self.reader;
        let (from, start) = self.access.change(|node| reader.begin(node, known));
        if start == Start::NewStream {
            // A region that has lost everything as well finds it in the new stream. Fails if the
            // node stops.
            let _ = self.again.send(self.access.look(Node::left_to_publish)).await;
        }
        let mut messages = self.engine.messages(&stream, from).await?;
        info!(stream = self.engine.settings.stream, from, "updates of other regions are read");
        self.state.note_unread(known.last.saturating_sub(from - 1));
        self.state.note_reading(true);
        let mut asks = interval(ASK);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return Ok(()) };
                    self.take(&message.map_err(Failure::of("read"))?).await?;
                    self.logged = None;
                }
                _ = asks.tick(), if self.reader.lacks().is_some() => self.ask_again().await,
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
            if !header.is_some_and(|header| self.take_header(&publisher, header)) {
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
        Ok(())
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

    /// Asks other regions to publish again what this one may lack. If no node takes the request, it
    /// is sent again later.
    async fn ask_again(&mut self) {
        let Some(since) = self.reader.lacks().cloned() else { return };
        let region = self.engine.settings.region.clone();
        let request = AgainRequest { region, since }.to_string();
        match self.engine.ask(Subject::Again, request, PATIENCE).await {
            Ok(_) => {
                let reader = &mut self.reader;
                self.access.change(|node| reader.note_answered(node));
                info!("other regions publish again what this one may lack");
            }
            Err(failure) => debug!(reason = %failure, "other regions are asked again later"),
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
