//! The load generator: reports on many connections, in a closed or an open loop, and how long their answers took.
//!
//! In the closed loop each connection keeps so many commands in flight, and sends one more for each answer. In the
//! open loop commands are due at a steady rate, whether earlier ones have been answered or not, and a latency counts
//! from when its command was due: a server that stalls is charged for all that had to wait meanwhile.
//!
//! All connections run on one thread. It belongs into a release build: see [`generator`](crate::load::generator).

mod connection;
pub mod echo;
pub mod everywhere;
pub mod flood;
pub mod generator;
mod pace;
mod protocol;
mod summary;
pub mod torrent;

pub use protocol::Protocol;
pub use summary::{Latency, Quantile, Summary};

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

use connection::{Answers, Connection, Tally};
use pace::Pace;

/// Latencies are told apart up to this many nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;

/// What is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// What is spoken.
    pub protocol: Protocol,
    /// The nodes' addresses; connections are spread over them in turn.
    pub nodes: Vec<SocketAddr>,
    /// Connections in all.
    pub connections: usize,
    /// Commands in flight on each, at most.
    pub depth: usize,
    /// Commands a second in all, for an open loop; a closed one when `None`.
    #[serde(rename = "rate_per_second")]
    pub rate: Option<f64>,
    /// Distinct clients in all, at least one a connection.
    pub clients: u64,
    /// For how long commands are sent.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Duration,
}

/// A duration in JSON: a number of seconds.
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

/// What came back.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Answers in nanoseconds since their commands were due.
    pub latencies: Histogram<u64>,
    /// Answers that are not the right one.
    pub wrong: u64,
    /// From the first command to the last answer.
    pub elapsed: Duration,
    /// The share of one core that the generator used itself. Near 1 it measures itself.
    pub own_cpu: f64,
    /// The client that each connection reported last.
    pub last_clients: Vec<u64>,
}

impl Load {
    /// Sends the load. `progress` is told every second how many answers came and how they did so far.
    ///
    /// # Errors
    /// A node cannot be reached, or closes a connection, or an answer does not come.
    pub fn run(&self, progress: impl Fn(Duration, u64, &Histogram<u64>)) -> Result<Outcome> {
        ensure!(
            !self.nodes.is_empty() && self.connections > 0 && self.depth > 0,
            "nothing to send, or nowhere"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, self.send(progress))
    }

    async fn send(&self, progress: impl Fn(Duration, u64, &Histogram<u64>)) -> Result<Outcome> {
        let mut connections = Vec::new();
        for number in 0..self.connections {
            connections.push(Connection::open(self, number).await?);
        }
        let latencies = Histogram::new_with_bounds(1, LONGEST, 3)?;
        let tally: Tally = Rc::new(RefCell::new(Answers { latencies, wrong: 0, last_clients: Vec::new() }));
        let (cpu, started) = (cpu_time()?, Instant::now());
        let mut tasks = JoinSet::new();
        let paces = Pace::of(self.connections, self.rate, started, self.duration);
        for (connection, pace) in connections.into_iter().zip(paces) {
            tasks.spawn_local(connection.send(pace, Rc::clone(&tally)));
        }
        let mut next_report = started + Duration::from_secs(1);
        let mut told = 0;
        loop {
            tokio::select! {
                done = tasks.join_next() => match done {
                    Some(result) => result??,
                    None => break,
                },
                () = sleep_until(next_report.into()) => {
                    next_report += Duration::from_secs(1);
                    let latencies = &tally.borrow().latencies;
                    progress(started.elapsed(), latencies.len() - told, latencies);
                    told = latencies.len();
                }
            }
        }
        let elapsed = started.elapsed();
        let own_cpu = (cpu_time()? - cpu).as_secs_f64() / elapsed.as_secs_f64();
        let Answers { latencies, wrong, last_clients } = &mut *tally.borrow_mut();
        Ok(Outcome {
            latencies: latencies.clone(),
            wrong: *wrong,
            elapsed,
            own_cpu,
            last_clients: std::mem::take(last_clients),
        })
    }
}

/// The processor time of this process.
fn cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(microseconds.unsigned_abs()))
}
