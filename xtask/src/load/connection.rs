//! A connection of a load.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::order::Clients;
use super::pace::Pace;
use super::{Load, Protocol};

/// The timeout of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The answers of all connections, which run on one thread.
pub(super) type Tally = Rc<RefCell<Answers>>;

/// The answers that have been received.
#[derive(Debug)]
pub(super) struct Answers {
    /// The times from when the commands were due to their answers, in nanoseconds.
    pub(super) latencies: Histogram<u64>,
    /// The number of answers that are not the right answer to a report.
    pub(super) wrong: u64,
    /// The client that each connection reported last.
    pub(super) last_clients: Vec<u64>,
}

/// A connection that sends commands.
pub(super) struct LoadConnection {
    stream: TcpStream,
    protocol: Protocol,
    depth: usize,
    clients: Clients,
    /// The time of the next report, in nanoseconds since 1970. It grows with each report and from
    /// run to run.
    stamp: u64,
    /// The commands that wait for their answers: the time at which they were due, and their number.
    due: VecDeque<(Instant, usize)>,
    in_flight: usize,
    output: Vec<u8>,
    input: Vec<u8>,
}

impl LoadConnection {
    pub(super) async fn open(load: &Load, number: usize) -> Result<LoadConnection> {
        let node = load.nodes[number % load.nodes.len()];
        let stream = TcpStream::connect(node).await.with_context(|| format!("cannot connect to {node}"))?;
        stream.set_nodelay(true)?;
        Ok(LoadConnection {
            stream,
            protocol: load.protocol,
            depth: load.depth,
            clients: Clients::of(load, number as u64),
            stamp: SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64,
            due: VecDeque::new(),
            in_flight: 0,
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
                self.write_reports(due, commands);
            }
            if !self.output.is_empty() {
                self.stream.write_all(&self.output).await?;
                self.output.clear();
            }
            let pace_ended = pace.has_ended() || self.clients.left(1) == 0;
            if self.in_flight == 0 && pace_ended {
                tally.borrow_mut().last_clients.push(self.clients.last());
                return Ok(());
            }
            let may_send = self.room() > 0;
            let waits = self.in_flight > 0;
            tokio::select! {
                read = timeout(ANSWER_TIMEOUT, self.stream.read_buf(&mut self.input)), if waits => {
                    let read = read.with_context(|| format!("no answer within {ANSWER_TIMEOUT:?}"))?;
                    ensure!(read? > 0, "a node closed a connection under load");
                    self.take_answers(&mut tally.borrow_mut());
                }
                due = pace.next_due(), if may_send && !pace_ended => {
                    due.into_iter().for_each(|due| self.write_reports(due, 1));
                }
            }
        }
    }

    /// The number of commands that may be sent now.
    fn room(&self) -> usize {
        self.clients.left(self.depth - self.in_flight)
    }

    fn write_reports(&mut self, due: Instant, commands: usize) {
        for _ in 0..commands {
            self.protocol.write(&mut self.output, self.clients.next(), self.stamp);
            self.stamp += 1;
        }
        self.in_flight += commands;
        self.due.push_back((due, commands));
    }

    fn take_answers(&mut self, tally: &mut Answers) {
        let now = Instant::now();
        let mut answered = 0_usize;
        let mut wrong = 0;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &self.input) {
            wrong += u64::from(!self.protocol.is_right(&self.input[start..end]));
            answered += 1;
            start = end + 1;
        }
        self.input.drain(..start);
        // Answers without a command are wrong, too.
        wrong += answered.saturating_sub(self.in_flight) as u64;
        answered = answered.min(self.in_flight);
        self.in_flight -= answered;
        tally.wrong += wrong;
        while answered > 0
            && let Some((due, commands)) = self.due.front_mut()
        {
            let these = answered.min(*commands);
            tally.latencies.saturating_record_n((now - *due).as_nanos() as u64, these as u64);
            answered -= these;
            *commands -= these;
            if *commands == 0 {
                self.due.pop_front();
            }
        }
    }
}
