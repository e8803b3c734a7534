//! Clients that send as fast as a node takes it, and read all that it answers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::Protocol;

/// Connections whose input never runs dry: the greediest clients that there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Torrent {
    /// The node.
    pub node: SocketAddr,
    /// How many connections.
    pub connections: usize,
    /// What is sent.
    pub lines: TorrentLines,
    /// For how long.
    pub duration: Duration,
}

/// What a [`Torrent`] sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TorrentLines {
    /// The shortest line that is answered, over and over.
    Shortest,
    /// Reports, each later than the one before.
    Reports,
}

/// Bytes written and read at a time.
const PIECE: usize = 64 * 1024;

impl Torrent {
    /// Sends it, and returns how many bytes of answers came.
    ///
    /// # Errors
    /// The node cannot be reached, or closes a connection.
    pub fn run(&self) -> Result<u64> {
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

/// Writes and reads for `duration`; returns how many bytes were read.
async fn converse(stream: TcpStream, lines: TorrentLines, client: u64, duration: Duration) -> Result<u64> {
    let (reader, writer) = stream.into_split();
    let mut answered = 0;
    // Ended by the time, if not by an error.
    let ended = timeout(duration, async {
        tokio::select! {
            result = send(writer, lines, client) => result,
            result = discard(reader, &mut answered) => result,
        }
    });
    ended.await.unwrap_or(Ok(()))?;
    Ok(answered)
}

async fn send(mut writer: impl AsyncWrite + Unpin, lines: TorrentLines, client: u64) -> Result<()> {
    let mut piece = Vec::with_capacity(PIECE + 128);
    for stamp in 1.. {
        match lines {
            TorrentLines::Shortest => piece.extend_from_slice(b"x\n"),
            TorrentLines::Reports => Protocol::Iamat.write(&mut piece, client, stamp),
        }
        if piece.len() >= PIECE {
            writer.write_all(&piece).await.context("a node closed a connection that it was busy with")?;
            piece.clear();
        }
    }
    Ok(())
}

async fn discard(mut reader: impl AsyncRead + Unpin, answered: &mut u64) -> Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece).await? {
            0 => anyhow::bail!("a node closed a connection that it was busy with"),
            length => *answered += length as u64,
        }
    }
}
