//! A load of reports: many connections, each with a batch of commands in flight.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Digits of the seconds in a report: enough that each round has a later time than the one before.
const SECONDS: usize = 10;

/// Connections to one node, each of which sends a batch of reports, waits for all answers, and begins again.
/// Every report is of another client, and later than the last one of that client, so each is news.
#[derive(Debug)]
pub struct Reports {
    runtime: Runtime,
    connections: Vec<Connection>,
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
}

impl Reports {
    /// Opens `connections` connections to a node, with `depth` commands in flight on each.
    ///
    /// # Errors
    /// The node cannot be reached.
    pub fn open(node: SocketAddr, connections: usize, depth: usize) -> Result<Reports> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let open = (0..connections).map(|_| Connection::open(node, depth));
        let connections = open.map(|connection| runtime.block_on(connection)).collect::<Result<_>>()?;
        Ok(Reports { runtime, connections })
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
            Ok(started.elapsed())
        })
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
        Ok(Connection { stream, batch, times, round: 0, answers: Vec::new() })
    }

    /// Sends the batch and reads its answers.
    async fn exchange(&mut self) -> Result<()> {
        self.round += 1;
        let seconds = format!("{:0SECONDS$}", 1_000_000_000 + self.round);
        for &time in &self.times {
            self.batch[time..time + SECONDS].copy_from_slice(seconds.as_bytes());
        }
        self.stream.write_all(&self.batch).await?;
        self.answers.clear();
        let mut answered = 0;
        while answered < self.times.len() {
            let start = self.answers.len();
            let read = self.stream.read_buf(&mut self.answers).await?;
            anyhow::ensure!(read > 0, "the node closed the connection");
            answered += self.answers[start..].iter().filter(|&&byte| byte == b'\n').count();
        }
        let accepted =
            self.answers.split_inclusive(|&byte| byte == b'\n').all(|line| line.starts_with(b"AT "));
        anyhow::ensure!(accepted, "a report was not accepted");
        Ok(())
    }
}
