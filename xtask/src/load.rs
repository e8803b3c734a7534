//! The load generator: reports on many connections, in a closed or an open loop, and how long their answers took.
//!
//! In the closed loop each connection keeps so many commands in flight, and sends one more for each answer. In the
//! open loop commands are due at a steady rate, whether earlier ones have been answered or not, and a latency counts
//! from when its command was due: a server that stalls is charged for all that had to wait meanwhile.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

/// How long an answer may take.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Latencies are told apart up to this many nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Load {
    /// The nodes' addresses; connections are spread over them in turn.
    pub nodes: Vec<SocketAddr>,
    /// Connections in all.
    pub connections: usize,
    /// Commands in flight on each, at most.
    pub depth: usize,
    /// Commands a second in all, for an open loop; a closed one when `None`.
    pub rate: Option<f64>,
    /// Distinct clients in all, at least one a connection.
    pub clients: usize,
    /// For how long commands are sent.
    pub duration: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Answers in nanoseconds since their commands were due.
    pub latencies: Histogram<u64>,
    /// Answers that are not the AT line of their command.
    pub wrong: u64,
    /// From the first command to the last answer.
    pub elapsed: Duration,
    /// The share of one core that the generator used itself. Near 1 it measures itself.
    pub own_cpu: f64,
}

/// What all connections write down.
type Tally = Arc<Mutex<(Histogram<u64>, u64)>>;

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
        runtime.block_on(async {
            let mut connections = Vec::new();
            for number in 0..self.connections {
                connections.push(Connection::open(self, number).await?);
            }
            let tally: Tally = Arc::new(Mutex::new((Histogram::new_with_bounds(1, LONGEST, 3)?, 0)));
            let (cpu, started) = (cpu_time()?, Instant::now());
            let mut tasks = JoinSet::new();
            let paces = self.paces(started);
            for (connection, pace) in connections.into_iter().zip(paces) {
                tasks.spawn(connection.send(pace, Arc::clone(&tally)));
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
                        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        progress(started.elapsed(), tally.0.len() - told, &tally.0);
                        told = tally.0.len();
                    }
                }
            }
            let elapsed = started.elapsed();
            let own_cpu = (cpu_time()? - cpu).as_secs_f64() / elapsed.as_secs_f64();
            let (latencies, wrong) = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Ok(Outcome { latencies, wrong, elapsed, own_cpu })
        })
    }
}

impl Load {
    /// When each connection is to send. In the open loop a thread of its own calls each command when it is due:
    /// it sleeps more exactly than a runtime's timer, which counts milliseconds.
    fn paces(&self, started: Instant) -> Vec<Pace> {
        let end = started + self.duration;
        let Some(rate) = self.rate else {
            return (0..self.connections).map(|_| Pace::Closed { end }).collect();
        };
        let (callers, paces): (Vec<_>, Vec<_>) = (0..self.connections)
            .map(|_| {
                let (caller, calls) = mpsc::unbounded_channel();
                (caller, Pace::Open { calls, ended: false })
            })
            .unzip();
        thread::spawn(move || {
            for (number, caller) in callers.iter().cycle().enumerate() {
                let due = started + Duration::from_secs_f64(number as f64 / rate);
                // A connection that broke has ended the run.
                if due >= end || caller.is_closed() {
                    return;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let _ = caller.send(due);
            }
        });
        paces
    }
}

/// When commands are due.
enum Pace {
    /// As soon as there is room, until the end.
    Closed { end: Instant },
    /// When called, until nobody calls any more.
    Open { calls: mpsc::UnboundedReceiver<Instant>, ended: bool },
}

impl Pace {
    /// When the next command was due, if one is.
    fn due_now(&mut self) -> Option<Instant> {
        match self {
            Pace::Closed { end } => Some(Instant::now()).filter(|now| now < end),
            Pace::Open { calls, ended } => match calls.try_recv() {
                Ok(due) => Some(due),
                Err(error) => {
                    *ended = error == mpsc::error::TryRecvError::Disconnected;
                    None
                }
            },
        }
    }

    fn has_ended(&self) -> bool {
        match self {
            Pace::Closed { end } => Instant::now() >= *end,
            Pace::Open { ended, .. } => *ended,
        }
    }

    /// Waits until another command is due, `None` when none will be; for ever when that depends on answers.
    async fn next_due(&mut self) -> Option<Instant> {
        match self {
            Pace::Open { calls, ended } => {
                let due = calls.recv().await;
                *ended = due.is_none();
                due
            }
            Pace::Closed { .. } => std::future::pending().await,
        }
    }
}

/// The processor time of this process.
fn cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(microseconds.unsigned_abs()))
}

struct Connection {
    stream: TcpStream,
    depth: usize,
    /// The clients it speaks for, in turn; no other connection speaks for them.
    clients: Vec<usize>,
    /// Commands sent.
    sent: usize,
    /// Nanoseconds since 1970 of the next report: each is later than the one before, in any run.
    stamp: u128,
    /// When each command without an answer was due.
    due: VecDeque<Instant>,
    output: Vec<u8>,
    input: Vec<u8>,
}

impl Connection {
    async fn open(load: &Load, number: usize) -> Result<Connection> {
        let node = load.nodes[number % load.nodes.len()];
        let stream = TcpStream::connect(node).await.with_context(|| format!("cannot connect to {node}"))?;
        stream.set_nodelay(true)?;
        let others = (number..load.clients).step_by(load.connections);
        Ok(Connection {
            stream,
            depth: load.depth,
            clients: others.chain((number >= load.clients).then_some(number)).collect(),
            sent: 0,
            stamp: SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(),
            due: VecDeque::new(),
            output: Vec::new(),
            input: Vec::with_capacity(64 * 1024),
        })
    }

    async fn send(mut self, mut pace: Pace, tally: Tally) -> Result<()> {
        loop {
            while self.due.len() < self.depth
                && let Some(due) = pace.due_now()
            {
                self.write_report(due);
            }
            if !self.output.is_empty() {
                self.stream.write_all(&self.output).await?;
                self.output.clear();
            }
            let pace_ended = pace.has_ended();
            if self.due.is_empty() && pace_ended {
                return Ok(());
            }
            let (may_send, owed) = (self.due.len() < self.depth, !self.due.is_empty());
            tokio::select! {
                read = timeout(LAST_ANSWERS, self.stream.read_buf(&mut self.input)), if owed => {
                    let read = read.with_context(|| format!("no answer within {LAST_ANSWERS:?}"))?;
                    ensure!(read? > 0, "a node closed a connection under load");
                    self.take_answers(&tally);
                }
                due = pace.next_due(), if may_send && !pace_ended => due.into_iter().for_each(|due| self.write_report(due)),
            }
        }
    }

    fn write_report(&mut self, due: Instant) {
        let client = self.clients[self.sent % self.clients.len()];
        let (seconds, nanoseconds) = (self.stamp / 1_000_000_000, self.stamp % 1_000_000_000);
        let report = format!("IAMAT load-{client} +34.068930-118.445127 {seconds}.{nanoseconds:09}\n");
        self.output.extend_from_slice(report.as_bytes());
        self.sent += 1;
        self.stamp += 1;
        self.due.push_back(due);
    }

    fn take_answers(&mut self, tally: &Tally) {
        let now = Instant::now();
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = self.input.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        for line in self.input[..whole].split_inclusive(|&byte| byte == b'\n') {
            match self.due.pop_front() {
                Some(due) if line.starts_with(b"AT ") => {
                    tally.0.saturating_record((now - due).as_nanos() as u64);
                }
                _ => tally.1 += 1,
            }
        }
        self.input.drain(..whole);
    }
}
