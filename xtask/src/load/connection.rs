//! A connection of a load.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, Result, anyhow, ensure};
use herd::net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::answers::{Answers, Verb, Waiting};
use super::order::Clients;
use super::pace::Pace;
use super::stream::Connector;
use super::{Load, Protocol, Whatsats};

/// The timeout of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for what a node sent before it closed a connection.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// The answers of all connections, which run on one thread.
pub(super) type Tally = Rc<RefCell<Answers>>;

/// A connection that sends commands.
pub(super) struct LoadConnection {
    stream: Stream,
    protocol: Protocol,
    depth: usize,
    clients: Clients,
    whatsats: Whatsats,
    /// The WHATSATs that are owed, because of their share of the commands so far.
    owed: f64,
    /// The time of the next report, in nanoseconds since 1970. It grows with each report and from
    /// run to run.
    stamp: u64,
    waiting: Waiting,
    output: Vec<u8>,
    input: Vec<u8>,
}

impl LoadConnection {
    pub(super) async fn open(load: &Load, number: usize, connector: &Connector) -> Result<LoadConnection> {
        let node = load.nodes[number % load.nodes.len()];
        Ok(LoadConnection {
            stream: connector.connect(node).await?,
            protocol: load.protocol,
            depth: load.depth,
            clients: Clients::of(load, number as u64),
            whatsats: load.whatsats,
            owed: 0.0,
            stamp: SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64,
            waiting: Waiting::default(),
            output: Vec::new(),
            input: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends commands at the pace, and receives their answers, until the pace ends.
    pub(super) async fn send(mut self, mut pace: Pace, tally: Tally) -> Result<()> {
        loop {
            while self.room() > 0
                && let Some((due, commands)) = pace.due_now(self.room())
            {
                (0..commands).for_each(|_| self.write_command(due));
            }
            if let Err(cause) = self.write_output().await {
                // What the node sent before it closed the connection may say why.
                let _ = timeout(LAST_WORDS_TIMEOUT, self.stream.read_buf(&mut self.input)).await;
                return Err(self.closed(Some(&cause)));
            }
            let pace_ended = pace.has_ended() || self.clients.left(1) == 0;
            if self.waiting.count == 0 && pace_ended {
                tally.borrow_mut().last_clients.push(self.clients.last());
                return Ok(());
            }
            let may_send = self.room() > 0;
            let waits = self.waiting.count > 0;
            tokio::select! {
                read = timeout(ANSWER_TIMEOUT, self.stream.read_buf(&mut self.input)), if waits => {
                    let read = read.with_context(|| format!("no answer within {ANSWER_TIMEOUT:?}"))?;
                    let read = read.map_err(|cause| self.closed(Some(&cause)))?;
                    ensure!(read > 0, self.closed(None));
                    let LoadConnection { waiting, input, protocol, .. } = &mut self;
                    waiting.take_answers(input, *protocol, &mut tally.borrow_mut());
                }
                due = pace.next_due(), if may_send && !pace_ended => {
                    due.into_iter().for_each(|due| self.write_command(due));
                }
            }
        }
    }

    async fn write_output(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await?;
            self.output.clear();
        }
        Ok(())
    }

    /// The number of commands that may be sent now.
    fn room(&self) -> usize {
        self.clients.left(self.depth - self.waiting.count)
    }

    /// Writes a report, or a WHATSAT of a client that has been reported.
    fn write_command(&mut self, due: Instant) {
        self.owed += self.whatsats.share;
        match self.clients.reported(self.owed >= 1.0) {
            Some(client) => {
                self.owed -= 1.0;
                self.protocol.write_whatsat(&mut self.output, client, self.whatsats.places);
                self.waiting.push(due, Verb::Question);
            }
            None => {
                self.protocol.write(&mut self.output, self.clients.next(), self.stamp);
                self.stamp += 1;
                self.waiting.push(due, Verb::Report);
            }
        }
    }

    /// Returns the error for a connection that the node closed, or reset with many commands in
    /// flight, and what to try: it may have answered with an alert of TLS.
    fn closed(&self, cause: Option<&io::Error>) -> Error {
        let is_plain = matches!(self.stream, Stream::Plain(_));
        let reason = match cause {
            _ if is_plain && self.input.starts_with(TLS_ALERT) => {
                ": it serves clients over TLS, so use --tls and --ca".to_owned()
            }
            Some(cause) => format!(": {cause}"),
            None => String::new(),
        };
        anyhow!("a node closed a connection under load{reason}")
    }
}

/// How a server that speaks TLS begins its answer to a client that does not.
const TLS_ALERT: &[u8] = b"\x15\x03";
