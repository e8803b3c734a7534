//! The load generator: it sends reports on many connections, in a closed or an open loop, and
//! measures the latencies of the answers.
//!
//! In the closed loop each connection keeps a fixed number of commands in flight and sends one more
//! for each answer. In the open loop commands are due at a fixed rate, whether or not earlier ones
//! have been answered. A latency counts from the time at which its command was due, so the commands
//! that wait while a server stalls count in full (no coordinated omission).
//!
//! All connections run on one thread. To be fast enough it needs a release build: see
//! [`generator`].

mod answers;
mod connection;
pub mod echo;
pub mod everywhere;
pub mod fail_over;
pub mod flood;
pub mod generator;
mod order;
mod pace;
pub mod places;
mod protocol;
pub mod relay;
mod stream;
mod summary;
pub mod torrent;

pub use order::Order;
pub use protocol::Protocol;
pub use stream::LoadTls;
pub use summary::{Latency, Quantile, QuestionSummary, Summary};

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep_until;

use answers::Answers;
use connection::{LoadConnection, Tally};
use pace::Pace;
use stream::Connector;

/// The longest latency that is measured, in nanoseconds: a minute. Longer ones count as this.
const LONGEST: u64 = 60_000_000_000;

/// The settings of a load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    /// The protocol of the commands.
    pub protocol: Protocol,
    /// The addresses of the nodes. Connections are distributed among them in turn.
    pub nodes: Vec<SocketAddr>,
    /// The number of connections to all nodes together.
    pub connections: usize,
    /// The most commands in flight on each connection.
    pub depth: usize,
    /// The commands a second on all connections together; `None` for a closed loop.
    #[serde(rename = "rate_per_second")]
    pub rate: Option<f64>,
    /// The number of clients. Each connection has at least one client.
    pub clients: u64,
    /// The order in which each connection reports its clients.
    pub order: Order,
    /// The time for which commands are sent.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Duration,
    /// The questions among the commands.
    pub whatsats: Whatsats,
    /// How to speak TLS; `None` for plain TCP.
    pub tls: Option<LoadTls>,
}

/// The WHATSATs of a load, about clients that the same connection has reported.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Whatsats {
    /// Their share of the commands, less than 1.
    pub share: f64,
    /// The most places of each answer. A node asks no service for 0 places.
    pub places: u32,
}

/// A duration as a number of seconds in JSON.
mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        duration.as_secs_f64().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The result of a load.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// The times from when the reports were due to their answers, in nanoseconds.
    pub latencies: Histogram<u64>,
    /// The same of WHATSATs.
    pub question_latencies: Histogram<u64>,
    /// The number of answers to WHATSATs with an error instead of places.
    pub without_places: u64,
    /// The number of wrong answers.
    pub wrong: u64,
    /// The time from the first command to the last answer.
    pub elapsed: Duration,
    /// The share of one core that the generator used. Near 1, the generator is the bottleneck.
    pub own_cpu: f64,
    /// The client that each connection reported last.
    pub last_clients: Vec<u64>,
}

impl Load {
    /// Sends the load. Calls `progress` every second with the elapsed time, the number of answers
    /// in the last second, and all latencies of reports so far.
    ///
    /// # Errors
    /// The load has no nodes, connections or commands in flight; a node cannot be reached or closes
    /// a connection; or an answer does not arrive.
    pub fn send(&self, progress: impl Fn(Duration, u64, &Histogram<u64>)) -> Result<LoadOutcome> {
        ensure!(
            !self.nodes.is_empty() && self.connections > 0 && self.depth > 0,
            "a load needs at least one node, one connection and one command in flight"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, self.send_all(progress))
    }

    async fn send_all(&self, progress: impl Fn(Duration, u64, &Histogram<u64>)) -> Result<LoadOutcome> {
        let connector = Connector::new(self.tls.as_ref())?;
        let mut connections = Vec::new();
        for number in 0..self.connections {
            connections.push(LoadConnection::open(self, number, &connector).await?);
        }
        let (reports, questions) =
            (Histogram::new_with_bounds(1, LONGEST, 3)?, Histogram::new_with_bounds(1, LONGEST, 3)?);
        let none = Answers { reports, questions, wrong: 0, without_places: 0, last_clients: Vec::new() };
        let tally: Tally = Rc::new(RefCell::new(none));
        let cpu = cpu_time()?;
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        let paces = Pace::of(self.connections, self.rate, started, self.duration);
        for (connection, pace) in connections.into_iter().zip(paces) {
            tasks.spawn_local(connection.send(pace, Rc::clone(&tally)));
        }
        let mut next_report = started + Duration::from_secs(1);
        let mut reported = 0;
        loop {
            tokio::select! {
                done = tasks.join_next() => match done {
                    Some(result) => result??,
                    None => break,
                },
                () = sleep_until(next_report.into()) => {
                    next_report += Duration::from_secs(1);
                    let answers = tally.borrow();
                    let answered = answers.reports.len() + answers.questions.len();
                    progress(started.elapsed(), answered - reported, &answers.reports);
                    reported = answered;
                }
            }
        }
        let elapsed = started.elapsed();
        let own_cpu = (cpu_time()? - cpu).as_secs_f64() / elapsed.as_secs_f64();
        let Answers { reports, questions, wrong, without_places, last_clients } = &mut *tally.borrow_mut();
        Ok(LoadOutcome {
            latencies: reports.clone(),
            question_latencies: questions.clone(),
            without_places: *without_places,
            wrong: *wrong,
            elapsed,
            own_cpu,
            last_clients: std::mem::take(last_clients),
        })
    }
}

/// The processor time that this process has used.
fn cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(microseconds.unsigned_abs()))
}
