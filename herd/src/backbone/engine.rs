//! The connection to the servers, and the stream that they keep.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::{self, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::context::{Context, ContextBuilder, GetStreamErrorKind, PublishError};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Config, Info, LastRawMessageErrorKind, StorageType, Stream};
use async_nats::{Client, ConnectOptions, HeaderMap, Message, Request, Subscriber};
use futures_util::TryStreamExt;
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::xxh3_64;

use super::failure::Failure;
use super::message::{CURSOR, Header, node_of, subject, token};
use super::reader::StreamState;
use super::settings::Settings;
use crate::traces::{TRACEPARENT, Traces};

/// How long a request may take. Without an answer the next server is tried.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// The interval of heartbeats while nothing is to be read. Two that are missing end the read.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// The most messages that a server sends ahead.
const AHEAD: usize = 64;

/// How long a server keeps a consumer that nobody reads.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// The name of the number of shards in the metadata of a stream.
const SHARDS: &str = "herd-shards";

/// How long one request for messages lasts.
const PULL: Duration = Duration::from_secs(30);

/// The subjects beside the stream, on which nodes speak with each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// Requests to publish again, which nodes that read take.
    Again,
    /// Sums of what nodes have.
    Sums,
    /// Requests for the sums of the buckets of one node.
    Buckets { region: &'a str, node: &'a str },
    /// The shards that nodes hold.
    Holders,
    /// Questions about the clients of a shard.
    Find(u8),
}

/// The servers, as one node uses them.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) traces: Traces,
    connection: OnceCell<(Client, Context)>,
}

impl Engine {
    pub(super) fn new(settings: Settings, traces: Traces) -> Engine {
        Engine { settings, traces, connection: OnceCell::new() }
    }

    /// The connection. The first call begins to connect; the client connects again by itself when a
    /// connection is lost.
    async fn connection(&self) -> Result<&(Client, Context), Failure> {
        self.connection.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<(Client, Context), Failure> {
        let Settings { servers, creds, ca, node, .. } = &self.settings;
        let mut options = ConnectOptions::new()
            .name(format!("herd {node}"))
            .connection_timeout(PATIENCE)
            .request_timeout(Some(PATIENCE))
            .ping_interval(PATIENCE)
            // Only the servers that an operator has named are asked, since they alone are known to
            // be on loopback or encrypted.
            .ignore_discovered_servers()
            .require_tls(servers.iter().any(|server| server.starts_with("tls:")))
            .reconnect_delay_callback(|attempts| Duration::from_millis(50 << attempts.min(5)).min(PATIENCE));
        if let Some(creds) = creds {
            let read = options.credentials_file(creds).await;
            options = read.map_err(Failure::of("read the credentials"))?;
        }
        if let Some(ca) = ca {
            options = options.add_root_certificates(ca.clone());
        }
        let client = options.connect(servers.as_slice()).await.map_err(Failure::of("connect"))?;
        let context = ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE).build(client.clone());
        Ok((client, context))
    }

    /// The stream, which is created if there is none.
    pub(super) async fn stream(&self) -> Result<(Stream, StreamState), Failure> {
        let Settings { stream: name, replicas, retention, shards, .. } = &self.settings;
        let (_, context) = self.connection().await?;
        let found = match context.get_stream(name).await {
            Err(error) if is_missing(&error.kind()) => {
                let config = Config {
                    name: name.clone(),
                    subjects: vec![format!("{name}.>")],
                    description: Some("Updates of herds, see `[backbone]` in their files".to_owned()),
                    storage: StorageType::File,
                    num_replicas: *replicas,
                    max_age: *retention,
                    // A sequence that is missing shows that a message was lost, so none may be
                    // taken out.
                    deny_delete: true,
                    deny_purge: true,
                    metadata: HashMap::from([(SHARDS.to_owned(), shards.count().to_string())]),
                    ..Config::default()
                };
                context.create_stream(config).await.map_err(Failure::of("create the stream"))?
            }
            found => found.map_err(Failure::of("find the stream"))?,
        };
        let divided = found.cached_info().config.metadata.get(SHARDS);
        if let Some(count) = divided.filter(|count| **count != shards.count().to_string()) {
            return Err(Failure::OtherShards(count.clone()));
        }
        let state = state_of(found.cached_info());
        Ok((found, state))
    }

    /// What is known of the stream now.
    ///
    /// # Errors
    /// There is none, or no server answers.
    pub(super) async fn stream_state(&self) -> Result<StreamState, Failure> {
        let (_, context) = self.connection().await?;
        let found = context.get_stream(&self.settings.stream).await;
        found.map(|found| state_of(found.cached_info())).map_err(Failure::of("find the stream"))
    }

    /// The header of the last message of a node of this region.
    pub(super) async fn last_header(&self, stream: &Stream, node: &str) -> Result<Option<Header>, Failure> {
        let subject = subject(&self.settings.stream, &self.settings.region, node);
        match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => Ok(message.headers.get(CURSOR).and_then(|header| header.as_str().parse().ok())),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(Failure::of("read this node's last message")(error)),
        }
    }

    /// Checks that no other region has a node with this node's name.
    pub(super) async fn check_name(&self, stream: &Stream) -> Result<(), Failure> {
        let Settings { stream: name, region, node, .. } = &self.settings;
        let of_node = format!("{name}.*.{}", token(node));
        let what = "look at the names of nodes";
        let mut subjects = stream.info_with_subjects(of_node).await.map_err(Failure::of(what))?;
        while let Some((subject, _)) = subjects.try_next().await.map_err(Failure::of(what))? {
            match node_of(name, &subject) {
                Some((other, _)) if other != *region => return Err(Failure::NameTaken(other)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends a message. The future that is returned ends when it is stored.
    pub(super) async fn publish(
        &self,
        header: &Header,
        lines: Vec<u8>,
    ) -> Result<impl Future<Output = Result<PublishAck, PublishError>> + use<>, Failure> {
        let Settings { stream, region, node, .. } = &self.settings;
        let (_, context) = self.connection().await?;
        let mut headers = HeaderMap::new();
        headers.insert(CURSOR, header.to_string());
        let traced = self.traces.publish(&lines);
        if let Some(parent) = traced.parent() {
            headers.insert(TRACEPARENT, parent);
        }
        let subject = subject(stream, region, node);
        let sent = context.publish_with_headers(subject, headers, lines.into()).await;
        let stored = sent.map_err(Failure::of("publish"))?;
        Ok(async move {
            let ack = stored.await?;
            traced.end();
            Ok(ack)
        })
    }

    /// The messages of the stream from `from` on.
    pub(super) async fn messages(&self, stream: &Stream, from: u64) -> Result<Messages, Failure> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
            ack_policy: AckPolicy::None,
            inactive_threshold: FORGOTTEN,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(Failure::of("begin to read"))?;
        let messages = consumer.stream().max_messages_per_batch(AHEAD).heartbeat(HEARTBEAT).expires(PULL);
        messages.messages().await.map_err(Failure::of("begin to read"))
    }

    /// Listens to what nodes say beside the stream.
    pub(super) async fn listen(&self, subject: Subject<'_>) -> Result<Subscriber, Failure> {
        let (client, _) = self.connection().await?;
        client.subscribe(self.text_of(subject)).await.map_err(Failure::of("listen to other regions"))
    }

    /// Listens to questions of which each is for one of the nodes that share them.
    pub(super) async fn share(&self, subject: Subject<'_>) -> Result<Subscriber, Failure> {
        let (client, _) = self.connection().await?;
        let shared = client.queue_subscribe(self.text_of(subject), "holders".to_owned()).await;
        shared.map_err(Failure::of("listen to other nodes"))
    }

    /// Asks all nodes, and returns their answers as they come.
    pub(super) async fn ask_all(&self, subject: Subject<'_>, text: String) -> Result<Subscriber, Failure> {
        let (client, _) = self.connection().await?;
        let reply = client.new_inbox();
        let answers = client.subscribe(reply.clone()).await.map_err(Failure::of("ask all nodes"))?;
        let asked = client.publish_with_reply(self.text_of(subject), reply, text.into()).await;
        asked.map_err(Failure::of("ask all nodes"))?;
        Ok(answers)
    }

    /// Says something to all nodes that listen.
    pub(super) async fn say(&self, subject: Subject<'_>, text: String) -> Result<(), Failure> {
        let (client, _) = self.connection().await?;
        let said = client.publish(self.text_of(subject), text.into()).await;
        said.map_err(Failure::of("say something to other regions"))
    }

    /// Asks a node, and returns the first answer.
    ///
    /// # Errors
    /// No node answers within the time `patience`.
    pub(super) async fn ask(
        &self,
        subject: Subject<'_>,
        text: String,
        patience: Duration,
    ) -> Result<Message, Failure> {
        let (client, _) = self.connection().await?;
        let request = Request::new().payload(text.into()).timeout(Some(patience));
        let answered = client.send_request(self.text_of(subject), request).await;
        answered.map_err(Failure::of("ask other regions"))
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: &Message, answer: Vec<u8>) -> Result<(), Failure> {
        let Some(reply) = request.reply.clone() else { return Ok(()) };
        let (client, _) = self.connection().await?;
        client.publish(reply, answer.into()).await.map_err(Failure::of("answer another region"))
    }

    fn text_of(&self, subject: Subject<'_>) -> String {
        let stream = &self.settings.stream;
        match subject {
            Subject::Again => format!("{stream}-again"),
            Subject::Sums => format!("{stream}-sums"),
            Subject::Holders => format!("{stream}-holders"),
            Subject::Find(shard) => format!("{stream}-find.{shard}"),
            Subject::Buckets { region, node } => {
                format!("{stream}-buckets.{}.{}", token(region), token(node))
            }
        }
    }
}

/// Returns what a message says beside the stream; `None` if no node writes it.
pub(super) fn parsed<T: FromStr>(message: &Message) -> Option<T> {
    std::str::from_utf8(&message.payload).ok()?.parse().ok()
}

fn is_missing(error: &GetStreamErrorKind) -> bool {
    matches!(error, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// The state of a stream. Its epoch is a digest of its name and the time of its creation, so it is
/// the same for all nodes, and another one for a stream that has been made again.
fn state_of(info: &Info) -> StreamState {
    let life = format!("{} {}", info.config.name, info.created.unix_timestamp_nanos());
    StreamState {
        epoch: xxh3_64(life.as_bytes()).max(1),
        first: info.state.first_sequence.max(1),
        last: info.state.last_sequence,
    }
}
