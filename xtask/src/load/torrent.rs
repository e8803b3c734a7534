//! Clients that send as fast as a node reads, and read everything that it answers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::Protocol;

/// Connections on which the node always has input to read: the most demanding clients possible.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Torrent {
    /// The node's address.
    pub node: SocketAddr,
    /// The number of connections.
    pub connections: usize,
    /// The lines to send.
    pub lines: TorrentLines,
    /// The time for which they are sent.
    pub duration: Duration,
}

/// The lines of a [`Torrent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TorrentLines {
    /// The shortest line that is answered, again and again.
    Shortest,
    /// Reports, each later than the one before.
    Reports,
}

/// The bytes of a read or a write.
const PIECE: usize = 64 * 1024;

impl Torrent {
    /// Sends the lines, and returns the number of bytes of the answers.
    ///
    /// # Errors
    /// The node cannot be reached, or closes a connection.
    pub fn send(&self) -> Result<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, async {
            let mut connections = JoinSet::new();
            for number in 0..self.connections {
                let stream = TcpStream::connect(self.node).await;
                let stream = stream.with_context(|| format!("cannot connect to {}", self.node))?;
                connections.spawn_local(converse(stream, self.lines, number as u64, self.duration));
            }
            let mut answered = 0;
            while let Some(connection) = connections.join_next().await {
                answered += connection??;
            }
            Ok(answered)
        })
    }
}

/// Writes and reads for `duration`. Returns the number of bytes read.
async fn converse(stream: TcpStream, lines: TorrentLines, client: u64, duration: Duration) -> Result<u64> {
    let (reader, writer) = stream.into_split();
    let mut answered = 0;
    let exchange = async {
        tokio::select! {
            result = write_lines(writer, lines, client) => result,
            result = count_answers(reader, &mut answered) => result,
        }
    };
    // Both directions go on until an error, so without an error the timeout ends them.
    timeout(duration, exchange).await.unwrap_or(Ok(()))?;
    Ok(answered)
}

async fn write_lines(mut writer: impl AsyncWrite + Unpin, lines: TorrentLines, client: u64) -> Result<()> {
    let mut piece = Vec::with_capacity(PIECE + 128);
    for stamp in 1.. {
        match lines {
            TorrentLines::Shortest => piece.extend_from_slice(b"x\n"),
            TorrentLines::Reports => Protocol::Iamat.write(&mut piece, client, stamp),
        }
        if piece.len() >= PIECE {
            writer.write_all(&piece).await.context("a node closed a connection under load")?;
            piece.clear();
        }
    }
    Ok(())
}

async fn count_answers(mut reader: impl AsyncRead + Unpin, answered: &mut u64) -> Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece).await? {
            0 => anyhow::bail!("a node closed a connection under load"),
            length => *answered += length as u64,
        }
    }
}
