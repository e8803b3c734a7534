//! The task that publishes what a node received.

use std::collections::VecDeque;
use std::mem::{Discriminant, discriminant};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::Stream;
use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tracing::{error, info, warn};

use super::absent::{Absent, left_by};
use super::answers::Answers;
use super::engine::{Engine, Subject, parsed};
use super::failure::Failure;
use super::parting::{Part, Parting};
use super::publisher::{MESSAGE_BYTES, Publisher};
use super::requests::AgainRequest;
use super::settings::Settings;
use super::speaking::KnownHolders;
use crate::config::AnswerAfter;
use crate::node::Selection;
use crate::server::{BackboneState, TableAccess};

/// The most messages under way.
pub const IN_FLIGHT: usize = 32;

/// The pause before another attempt. Pauses double.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest one.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The interval of looks at the stream and at the neighbours.
pub const LOOK: Duration = Duration::from_secs(1);

/// How long a node that stops publishes what is left.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A message that is being stored.
type Ack = Pin<Box<dyn Future<Output = Result<PublishAck, PublishError>> + Send>>;

/// Publishes until the node stops; what `again` brings, too.
pub(super) async fn run(
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    again: mpsc::Receiver<Selection>,
    holders: Arc<KnownHolders>,
) {
    let closing = access.closing();
    let mut task = Publishing::new(engine, state, access, again, holders);
    let mut pause = FIRST_PAUSE;
    while let Err(failure) = task.publish().await {
        pause = if task.note_failure(&failure) { FIRST_PAUSE } else { (2 * pause).min(LONGEST_PAUSE) };
        if closing.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// What outlives a failure.
struct Publishing {
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    /// What is to be published again, as the tasks that read and compare have found.
    again: mpsc::Receiver<Selection>,
    /// What has not been published again as a whole.
    unfinished: Vec<Selection>,
    /// The requests of other regions.
    answers: Answers,
    /// The neighbours that may have left something unpublished.
    absent: Absent,
    /// When the task began.
    began: Instant,
    /// The sequence up to which everything is stored.
    stored: u64,
    /// What is done with the records of shards that other nodes hold.
    parting: Parting,
    /// The nodes that hold other shards.
    holders: Arc<KnownHolders>,
    /// The failure that has been logged and still lasts.
    logged: Option<Discriminant<Failure>>,
}

/// One attempt, until it fails.
struct Attempt {
    stream: Stream,
    epoch: u64,
    publisher: Publisher,
    acks: FuturesOrdered<Ack>,
    /// When the messages under way were sent, the oldest first.
    sent: VecDeque<Instant>,
    /// Whether there may be something to publish, and since when.
    grown: Option<Instant>,
    /// When the next messages may be sent.
    next: Instant,
    looks: Interval,
    requests: Option<Subscriber>,
}

impl Publishing {
    fn new(
        engine: Arc<Engine>,
        state: Arc<BackboneState>,
        access: TableAccess,
        again: mpsc::Receiver<Selection>,
        holders: Arc<KnownHolders>,
    ) -> Publishing {
        let parting = Parting::new(engine.settings.shards);
        Publishing {
            engine,
            state,
            access,
            again,
            unfinished: Vec::new(),
            answers: Answers::default(),
            absent: Absent::default(),
            began: Instant::now(),
            stored: 0,
            parting,
            holders,
            logged: None,
        }
    }

    /// Publishes until the node stops.
    ///
    /// # Errors
    /// Fails when the backbone does. The next call goes on from what the stream has.
    async fn publish(&mut self) -> Result<(), Failure> {
        let closing = self.access.closing();
        let Some(begun) = closing.run_until_cancelled(self.begin()).await else { return Ok(()) };
        let mut attempt = begun?;
        self.note_success();
        let result = self.publish_on(&mut attempt).await;
        self.unfinished = attempt.publisher.unfinished().cloned().collect();
        self.stored = attempt.publisher.stored();
        result
    }

    async fn begin(&mut self) -> Result<Attempt, Failure> {
        let (stream, known) = self.engine.stream().await?;
        self.engine.check_name(&stream).await?;
        let last = self.engine.last_header(&stream, &self.engine.settings.node).await?;
        let requests = match self.engine.settings.reads {
            true => Some(self.engine.listen(Subject::Again).await?),
            false => None,
        };
        let publisher = self.access.look(|node| {
            let mut publisher = Publisher::begin(node, known.epoch, last);
            self.unfinished.drain(..).for_each(|selection| publisher.publish_again(node, selection));
            self.parting.begin(node, &mut publisher, known.epoch, known.last);
            publisher
        });
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let now = Instant::now();
        Ok(Attempt {
            stream,
            epoch: known.epoch,
            publisher,
            acks: FuturesOrdered::new(),
            sent: VecDeque::new(),
            grown: Some(now),
            next: now,
            looks,
            requests,
        })
    }

    async fn publish_on(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        let closing = self.access.closing();
        loop {
            self.state.note_waiting(attempt.sent.front().copied().or(attempt.grown));
            if self.engine.settings.answer == AnswerAfter::Backbone {
                self.access.note_stored(attempt.publisher.stored());
            }
            let has_room = attempt.acks.len() < IN_FLIGHT;
            tokio::select! {
                Some(stored) = attempt.acks.next() => attempt.note_stored(stored)?,
                () = self.state.grows(), if attempt.grown.is_none() => attempt.grown = Some(Instant::now()),
                () = sleep_until(attempt.next), if attempt.grown.is_some() && has_room => self.send(attempt).await?,
                _ = attempt.looks.tick() => self.look(attempt).await?,
                request = next_request(&mut attempt.requests) => self.take_request(attempt, &request).await?,
                Some(selection) = self.again.recv() => self.publish_again(attempt, selection),
                () = closing.cancelled() => {
                    let _ = timeout(LAST_WORDS, self.send_rest(attempt)).await;
                    return Ok(());
                }
            }
        }
    }

    /// Sends what there is, as far as there is room.
    async fn send(&self, attempt: &mut Attempt) -> Result<(), Failure> {
        attempt.grown = None;
        attempt.next = Instant::now() + self.engine.settings.linger;
        while attempt.acks.len() < IN_FLIGHT {
            let mut lines = Vec::with_capacity(MESSAGE_BYTES + MESSAGE_BYTES / 8);
            let publisher = &mut attempt.publisher;
            let (header, has_more) = self.access.look(|node| {
                let header = publisher.write_message(node, &mut lines);
                (header, publisher.has_more(node))
            });
            if let Some(header) = header {
                self.state.messages_published.fetch_add(1, Ordering::Relaxed);
                self.state.bytes_published.fetch_add(lines.len() as u64, Ordering::Relaxed);
                let ack = self.engine.publish(&header, lines).await?;
                attempt.acks.push_back(Box::pin(ack));
                attempt.sent.push_back(Instant::now());
            }
            if !has_more {
                return Ok(());
            }
            // Others have their turns, since there may be a million records to look at.
            yield_now().await;
        }
        // The rest follows when there is room again, without lingering.
        attempt.grown = Some(Instant::now());
        attempt.next = Instant::now();
        Ok(())
    }

    /// Sends everything that is left, and waits until it is stored.
    async fn send_rest(&self, attempt: &mut Attempt) -> Result<(), Failure> {
        loop {
            self.send(attempt).await?;
            match attempt.acks.next().await {
                Some(stored) => attempt.note_stored(stored)?,
                None => return Ok(()),
            }
        }
    }

    /// Checks that the stream is still the same one, and publishes for neighbours that are absent.
    async fn look(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        if self.engine.stream_state().await?.epoch != attempt.epoch {
            return Err(Failure::NewStream);
        }
        self.drop_published(attempt).await;
        let now = self.began.elapsed();
        for name in self.access.look(|node| self.absent.note_links(node, now)) {
            let header = self.engine.last_header(&attempt.stream, &name).await?;
            info!(neighbour = name, "a neighbour is absent; what it received last is published for it");
            self.publish_again(attempt, left_by(name, header, attempt.epoch));
        }
        Ok(())
    }

    /// Drops the records of shards that other nodes hold, once these have read them.
    async fn drop_published(&mut self, attempt: &mut Attempt) {
        let (parting, publisher) = (&mut self.parting, &mut attempt.publisher);
        let part = self
            .access
            .look(|node| self.holders.look(|holders, now| parting.next(node, publisher, holders, now)));
        if publisher.unfinished().next().is_some() {
            attempt.grown = Some(Instant::now());
        }
        self.state.note_dropped(self.parting.least());
        let Part::Drop(mut from, upto) = part else { return };
        while from < upto {
            from = self.access.change(|node| node.drop_published(from, upto));
            yield_now().await;
        }
    }

    async fn take_request(&mut self, attempt: &mut Attempt, request: &Message) -> Result<(), Failure> {
        let Some(asked) = parsed::<AgainRequest>(request) else { return Ok(()) };
        if asked.region == self.engine.settings.region || asked.stream != attempt.epoch {
            return Ok(());
        }
        let before = attempt.publisher.unfinished().count();
        let answers = &mut self.answers;
        let answer = self.access.look(|node| answers.take(node, &mut attempt.publisher, &asked));
        let Some(answer) = answer else { return Ok(()) };
        if attempt.publisher.unfinished().count() > before {
            info!(region = asked.region, "another region asks for what it may lack; it is published again");
        }
        attempt.grown = Some(Instant::now());
        self.engine.answer(request, answer.to_string().into_bytes()).await
    }

    fn publish_again(&self, attempt: &mut Attempt, selection: Selection) {
        self.access.look(|node| attempt.publisher.publish_again(node, selection));
        attempt.grown = Some(Instant::now());
    }

    fn note_success(&mut self) {
        self.logged = None;
        if self.state.note_connected(true) {
            let Settings { region, stream, .. } = &self.engine.settings;
            info!(region, stream, "updates are published to other regions");
        }
    }

    /// Logs a failure, unless it lasts. Returns whether publishing has worked before it.
    fn note_failure(&mut self, failure: &Failure) -> bool {
        let has_worked = self.state.note_connected(false);
        let head = self.access.look(|node| node.table().head());
        if head > self.stored {
            self.state.note_waiting_at_least(Instant::now());
        }
        if self.logged.replace(discriminant(failure)) == Some(discriminant(failure)) {
            return has_worked;
        }
        match failure {
            Failure::NewStream => info!("the stream was created again; all records are published into it"),
            Failure::NameTaken(_) => error!(reason = %failure, "nothing is published to other regions"),
            _ => {
                warn!(reason = %failure, "nothing is published to other regions; clients are served as always");
            }
        }
        self.access.warn(&format!("nothing is published to other regions: {failure}"));
        has_worked
    }
}

impl Attempt {
    /// Notes that the oldest message under way is stored.
    fn note_stored(&mut self, stored: Result<PublishAck, PublishError>) -> Result<(), Failure> {
        let ack = stored.map_err(Failure::of("publish"))?;
        if !self.publisher.note_stored(ack.sequence) {
            return Err(Failure::NewStream);
        }
        self.sent.pop_front();
        Ok(())
    }
}

/// Waits for the next request of another region; forever if this node does not take any.
async fn next_request(requests: &mut Option<Subscriber>) -> Message {
    let Some(requests) = requests else { return std::future::pending().await };
    match requests.next().await {
        Some(message) => message,
        // The connection is closed, which others notice.
        None => std::future::pending().await,
    }
}
