//! How long it takes until every node has every update of a load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Load, Protocol, Summary};

/// How long the nodes may take after the last answer.
const SETTLED: Duration = Duration::from_secs(60);

/// How often they are asked.
const ASK: Duration = Duration::from_millis(2);

/// A load, and the nodes that are to have all of it in the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Everywhere {
    /// The load. No client in it must have been reported before; each is reported once if there are enough of them.
    pub load: Load,
    /// Every node.
    pub nodes: Vec<SocketAddr>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// How the load itself was answered.
    pub load: Summary,
    /// Seconds from the first command until every node had every update.
    pub seconds: f64,
    /// Updates a second, over that time.
    pub per_second: f64,
}

impl Everywhere {
    /// Sends the load and waits.
    ///
    /// # Errors
    /// The load fails, a report was not taken, or a node does not have everything in time.
    pub fn run(&self) -> Result<Spread> {
        let started = Instant::now();
        let load = Summary::of(&self.load.run(|_, _, _| {})?);
        ensure!(load.wrong == 0, "{} reports were not taken", load.wrong);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for node in &self.nodes {
            runtime.block_on(self.wait_for(*node, &load))?;
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Spread { per_second: load.answers as f64 / seconds, seconds, load })
    }

    /// Waits until a node has everything. Updates arrive in the order in which they were taken, so a node of the herd
    /// has all of a connection's when it has the last; Redis counts its keys.
    async fn wait_for(&self, node: SocketAddr, load: &Summary) -> Result<()> {
        let question = match self.load.protocol {
            Protocol::Iamat => load
                .last_clients
                .iter()
                .map(|client| format!("WHATSAT {} 0 0\n", Protocol::client_id(*client)))
                .collect(),
            Protocol::Set => "DBSIZE\r\n".to_owned(),
            Protocol::Geoadd => "ZCARD positions\r\n".to_owned(),
            Protocol::Echo => bail!("an echo passes nothing on"),
        };
        let mut stream = BufReader::new(TcpStream::connect(node).await.context("cannot ask a node")?);
        stream.get_ref().set_nodelay(true)?;
        let deadline = Instant::now() + SETTLED;
        loop {
            stream.write_all(question.as_bytes()).await?;
            if self.has_all(&mut stream, load).await? {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{node} does not have everything after {SETTLED:?}");
            sleep(ASK).await;
        }
    }

    async fn has_all(&self, stream: &mut BufReader<TcpStream>, load: &Summary) -> Result<bool> {
        let mut line = String::new();
        if self.load.protocol != Protocol::Iamat {
            stream.read_line(&mut line).await?;
            let keys: u64 =
                line.trim().trim_start_matches(':').parse().context("expected a number of keys")?;
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
            // An AT line and an answer without places, up to its empty line.
            while line != "\n" {
                line.clear();
                ensure!(stream.read_line(&mut line).await? > 0, "a node closed the connection");
            }
        }
        Ok(known)
    }
}
