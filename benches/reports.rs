//! A load of reports on many connections, each with a batch of commands in flight.

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

/// The digits of the seconds in a report. Each round has a later time than the one before.
const SECONDS: usize = 10;

/// Connections that each send a batch of reports, wait for all answers, and start again. A
/// connection has its own clients, and each report is later than the last one of its client. So
/// every report is an update.
#[derive(Debug)]
pub struct Reports {
    runtime: Runtime,
    connections: Vec<BatchConnection>,
    /// The times from the sending of a batch to its last answer.
    pub batches: Percentiles,
}

/// A connection, and the batch that it sends again and again.
#[derive(Debug)]
struct BatchConnection {
    stream: TcpStream,
    /// The lines of the batch. Each round overwrites their times.
    batch: Vec<u8>,
    /// The offsets of the times in the batch.
    times: Vec<usize>,
    round: u64,
    answers: Vec<u8>,
    /// The durations of the latest batches.
    took: Vec<Duration>,
}

impl Reports {
    /// Opens `connections` connections to the nodes in turn, for batches of `depth` commands.
    ///
    /// # Errors
    /// A node cannot be reached.
    pub fn open(nodes: &[SocketAddr], connections: usize, depth: usize) -> Result<Reports> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let open = nodes.iter().cycle().take(connections).map(|node| BatchConnection::open(*node, depth));
        let connections = open.map(|connection| runtime.block_on(connection)).collect::<Result<_>>()?;
        Ok(Reports { runtime, connections, batches: Percentiles::default() })
    }

    /// Sends `rounds` batches on every connection. Returns the time until the last answer.
    ///
    /// # Errors
    /// A connection breaks, or a report is rejected.
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
                connection.took.drain(..).for_each(|took| self.batches.add(took));
            }
            Ok(elapsed)
        })
    }

    /// Waits until each of the nodes has the last report of every connection. Then it has the
    /// earlier ones, too, because nodes pass updates on in order.
    ///
    /// # Errors
    /// A node cannot be reached, or does not have a report after a minute.
    pub fn wait_until_everywhere(&self, nodes: &[SocketAddr]) -> Result<()> {
        let reported: Vec<(String, String)> = self.connections.iter().map(BatchConnection::last).collect();
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

/// The time between two questions to a node.
const POLL: Duration = Duration::from_micros(500);

/// The timeout until a node has a report.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks a node about a client until it has a report.
async fn wait_for(stream: &mut BufStream<TcpStream>, client: &str, report: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        ensure!(begun.elapsed() < PATIENCE, "a node does not have the report {report} after {PATIENCE:?}");
        stream.write_all(format!("WHATSAT {client} 0 0\n").as_bytes()).await?;
        stream.flush().await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        let known = answer.starts_with("AT ");
        let mut line = if known { answer.clone() } else { String::new() };
        // Skip the rest of the answer, up to its empty line.
        while !line.trim_end().is_empty() {
            line.clear();
            stream.read_line(&mut line).await?;
        }
        if answer.trim_end().ends_with(report) {
            return Ok(());
        }
        sleep(POLL).await;
    }
}

impl BatchConnection {
    async fn open(node: SocketAddr, depth: usize) -> Result<BatchConnection> {
        let stream = TcpStream::connect(node).await.with_context(|| format!("cannot connect to {node}"))?;
        stream.set_nodelay(true)?;
        // Each connection has its own clients. Otherwise the later reports of another load would
        // supersede its reports.
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        let opened = OPENED.fetch_add(1, Ordering::Relaxed);
        let mut batch = Vec::new();
        let mut times = Vec::new();
        for place in 0..depth {
            batch.extend_from_slice(
                format!("IAMAT client-{opened}-{place} +34.068930-118.445127 ").as_bytes(),
            );
            times.push(batch.len());
            batch.extend_from_slice(format!("{:SECONDS$}.918963997\n", 0).as_bytes());
        }
        Ok(BatchConnection { stream, batch, times, round: 0, answers: Vec::new(), took: Vec::new() })
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
        ensure!(accepted, "a report was rejected");
        Ok(())
    }

    /// The client and the report in the last line of the batch. AT lines end with the report.
    fn last(&self) -> (String, String) {
        let batch = String::from_utf8_lossy(&self.batch);
        let line = batch.lines().last().unwrap_or_default();
        let report = line.strip_prefix("IAMAT ").unwrap_or_default();
        (report.split(' ').next().unwrap_or_default().to_owned(), report.to_owned())
    }
}
