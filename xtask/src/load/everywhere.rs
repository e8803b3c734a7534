//! Measures how long it takes until every node has every update of a load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Load, Protocol, Summary};

/// The time after the last answer within which every node must have every update.
const SETTLED: Duration = Duration::from_secs(60);

/// The time between two questions to a node.
const POLL: Duration = Duration::from_millis(2);

/// A load, and the nodes that must have all of it in the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Everywhere {
    /// The load. Its clients must not have been reported before. Each is reported once if the load
    /// has enough clients.
    pub load: Load,
    /// All nodes of the herd.
    pub nodes: Vec<SocketAddr>,
}

/// The result of an [`Everywhere`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The summary of the load itself.
    pub load: Summary,
    /// The seconds from the first command until every node had every update.
    pub seconds: f64,
    /// The updates a second over that time.
    pub per_second: f64,
}

impl Everywhere {
    /// Sends the load, and waits until every node has every update.
    ///
    /// # Errors
    /// The load fails, a report is rejected, or a node does not have every update in time.
    pub fn measure(&self) -> Result<Spread> {
        let started = Instant::now();
        let load = Summary::of(&self.load.send(|_, _, _| {})?);
        load.ensure_all_right()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for node in &self.nodes {
            runtime.block_on(self.wait_for(*node, &load))?;
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Spread { per_second: load.answers as f64 / seconds, seconds, load })
    }

    /// Waits until a node has every update. The updates of one node take one way, in their order,
    /// so a node that knows the last client of a connection knows all its clients. Redis counts its
    /// keys.
    async fn wait_for(&self, node: SocketAddr, load: &Summary) -> Result<()> {
        let question = match self.load.protocol {
            Protocol::Iamat => load
                .last_clients
                .iter()
                .map(|client| format!("WHATSAT {} 0 0\n", Protocol::client_id(*client)))
                .collect(),
            Protocol::Set => "DBSIZE\r\n".to_owned(),
            Protocol::Geoadd => "ZCARD positions\r\n".to_owned(),
            Protocol::Echo => bail!("an echo server does not pass updates on"),
        };
        let stream = TcpStream::connect(node).await.with_context(|| format!("cannot connect to {node}"))?;
        let mut stream = BufReader::new(stream);
        stream.get_ref().set_nodelay(true)?;
        let deadline = Instant::now() + SETTLED;
        loop {
            stream.write_all(question.as_bytes()).await?;
            if self.has_all(&mut stream, load).await? {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{node} does not have every update after {SETTLED:?}");
            sleep(POLL).await;
        }
    }

    async fn has_all(&self, stream: &mut BufReader<TcpStream>, load: &Summary) -> Result<bool> {
        let mut line = String::new();
        if self.load.protocol != Protocol::Iamat {
            stream.read_line(&mut line).await?;
            let keys: u64 = line
                .trim()
                .trim_start_matches(':')
                .parse()
                .with_context(|| format!("expected a number of keys from Redis, not {line:?}"))?;
            return Ok(keys >= load.answers.min(self.load.clients));
        }
        let mut known = true;
        for _ in &load.last_clients {
            line.clear();
            stream.read_line(&mut line).await?;
            if line.starts_with('?') {
                known = false;
                continue;
            }
            // Skip the answer without places that follows the AT line, up to its empty line.
            while line != "\n" {
                line.clear();
                ensure!(stream.read_line(&mut line).await? > 0, "a node closed the connection");
            }
        }
        Ok(known)
    }
}
