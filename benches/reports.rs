//! A load of reports: many connections, each with a batch of commands in flight.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Percentiles;

/// Digits of the seconds in a report: enough that each round has a later time than the one before.
const SECONDS: usize = 10;

/// Connections to one node, each of which sends a batch of reports, waits for all answers, and begins again.
/// Every report is of another client, and later than the last one of that client, so each is news.
#[derive(Debug)]
pub struct Reports {
    runtime: Runtime,
    connections: Vec<Connection>,
    /// How long batches took, from their sending to their last answer.
    pub batches: Percentiles,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The batch of lines, whose times are written anew each round.
    batch: Vec<u8>,
    /// Where in the batch the times stand.
    times: Vec<usize>,
    round: u64,
    answers: Vec<u8>,
    /// How long the latest batches took.
    took: Vec<Duration>,
}

impl Reports {
    /// Opens `connections` connections, to each of the nodes in turn, with `depth` commands in flight on each.
    ///
    /// # Errors
    /// A node cannot be reached.
    pub fn open(nodes: &[SocketAddr], connections: usize, depth: usize) -> Result<Reports> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let open = nodes.iter().cycle().take(connections).map(|node| Connection::open(*node, depth));
        let connections = open.map(|connection| runtime.block_on(connection)).collect::<Result<_>>()?;
        Ok(Reports { runtime, connections, batches: Percentiles::default() })
    }

    /// Sends so many batches on every connection, and says how long that took until the last answer.
    ///
    /// # Errors
    /// A connection broke, or an answer is not the one to its report.
    pub fn send(&mut self, rounds: u64) -> Result<Duration> {
        let connections = std::mem::take(&mut self.connections);
        self.connections.reserve(connections.len());
        self.runtime.block_on(async {
            let started = Instant::now();
            let mut tasks = JoinSet::new();
            for mut connection in connections {
                tasks.spawn(async move {
                    for _ in 0..rounds {
                        connection.exchange().await?;
                    }
                    anyhow::Ok(connection)
                });
            }
            while let Some(connection) = tasks.join_next().await {
                self.connections.push(connection??);
            }
            let elapsed = started.elapsed();
            for connection in &mut self.connections {
                connection.took.drain(..).for_each(|took| self.batches.note(took));
            }
            Ok(elapsed)
        })
    }

    /// Waits until each of the nodes has the last report of every connection, and so all before it.
    ///
    /// # Errors
    /// A node cannot be reached, or lacks one for a minute.
    pub fn wait_until_everywhere(&self, nodes: &[SocketAddr]) -> Result<()> {
        let reported: Vec<(String, String)> = self.connections.iter().map(Connection::last).collect();
        self.runtime.block_on(async {
            for node in nodes {
                let mut stream = BufStream::new(TcpStream::connect(node).await?);
                for (client, report) in &reported {
                    wait_for(&mut stream, client, report).await?;
                }
            }
            Ok(())
        })
    }
}

/// How often a node is asked whether it has a report, and for how long.
const ASK: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks a node about a client until it has a report.
async fn wait_for(stream: &mut BufStream<TcpStream>, client: &str, report: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        ensure!(begun.elapsed() < PATIENCE, "a node has not heard of {report} in {PATIENCE:?}");
        stream.write_all(format!("WHATSAT {client} 0 0\n").as_bytes()).await?;
        stream.flush().await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        let known = answer.starts_with("AT ");
        let mut line = if known { answer.clone() } else { String::new() };
        // The rest of the answer, to the empty line at its end.
        while !line.trim_end().is_empty() {
            line.clear();
            stream.read_line(&mut line).await?;
        }
        if answer.trim_end().ends_with(report) {
            return Ok(());
        }
        sleep(ASK).await;
    }
}

impl Connection {
    async fn open(node: SocketAddr, depth: usize) -> Result<Connection> {
        let stream = TcpStream::connect(node).await.context("cannot connect to the node")?;
        stream.set_nodelay(true)?;
        // Clients of their own for each connection, or another load's later reports would make these stale.
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        let opened = OPENED.fetch_add(1, Ordering::Relaxed);
        let (mut batch, mut times) = (Vec::new(), Vec::new());
        for place in 0..depth {
            batch.extend_from_slice(
                format!("IAMAT client-{opened}-{place} +34.068930-118.445127 ").as_bytes(),
            );
            times.push(batch.len());
            batch.extend_from_slice(format!("{:SECONDS$}.918963997\n", 0).as_bytes());
        }
        Ok(Connection { stream, batch, times, round: 0, answers: Vec::new(), took: Vec::new() })
    }

    /// Sends the batch and reads its answers.
    async fn exchange(&mut self) -> Result<()> {
        self.round += 1;
        let seconds = format!("{:0SECONDS$}", 1_000_000_000 + self.round);
        for &time in &self.times {
            self.batch[time..time + SECONDS].copy_from_slice(seconds.as_bytes());
        }
        let started = Instant::now();
        self.stream.write_all(&self.batch).await?;
        self.answers.clear();
        let mut answered = 0;
        while answered < self.times.len() {
            let start = self.answers.len();
            let read = self.stream.read_buf(&mut self.answers).await?;
            ensure!(read > 0, "the node closed the connection");
            answered += self.answers[start..].iter().filter(|&&byte| byte == b'\n').count();
        }
        self.took.push(started.elapsed());
        let accepted =
            self.answers.split_inclusive(|&byte| byte == b'\n').all(|line| line.starts_with(b"AT "));
        ensure!(accepted, "a report was not accepted");
        Ok(())
    }

    /// The client of the last line of the batch, and its report as AT lines end with it.
    fn last(&self) -> (String, String) {
        let batch = String::from_utf8_lossy(&self.batch);
        let line = batch.lines().last().unwrap_or_default();
        let report = line.strip_prefix("IAMAT ").unwrap_or_default();
        (report.split(' ').next().unwrap_or_default().to_owned(), report.to_owned())
    }
}
