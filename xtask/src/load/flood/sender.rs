//! Sends updates to a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::client;

/// The server that updates are sent to, and its protocol.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Sender {
    /// A node of a herd, which gets reports.
    Iamat(SocketAddr),
    /// A Redis server, which gets messages on a channel.
    Publish(SocketAddr),
    /// A Redis server, which gets values of keys.
    Set(SocketAddr),
    /// A NATS server, which gets messages on a subject.
    Nats(SocketAddr),
}

/// The channel of Redis, and the subject of NATS.
pub(super) const CHANNEL: &str = "positions";

/// A connection that updates are sent on. A thread discards the answers.
pub(super) struct Sending {
    kind: Sender,
    stream: TcpStream,
    seconds: u64,
    output: Vec<u8>,
}

impl Sender {
    pub(super) fn connect(&self) -> Result<Sending> {
        let (Sender::Iamat(address)
        | Sender::Publish(address)
        | Sender::Set(address)
        | Sender::Nats(address)) = *self;
        let mut stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        if matches!(self, Sender::Nats(_)) {
            stream.write_all(b"CONNECT {\"verbose\":false}\r\n")?;
        }
        let mut answers = stream.try_clone()?;
        thread::spawn(move || {
            let mut discarded = [0; 64 * 1024];
            while answers.read(&mut discarded).is_ok_and(|length| length > 0) {}
        });
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Sending { kind: *self, stream, seconds, output: Vec::new() })
    }
}

impl Sending {
    /// Sends updates with one write.
    pub(super) fn send(&mut self, updates: Range<usize>) -> Result<()> {
        self.output.clear();
        for update in updates {
            let client = client(update);
            let seconds = self.seconds;
            let report = format!("{client} +34.068930-118.445127 {seconds}.{:09}", update % 1_000_000_000);
            let at = format!("AT Alford +0.263873386 {report}");
            match self.kind {
                Sender::Iamat(_) => writeln!(self.output, "IAMAT {report}")?,
                Sender::Publish(_) => write!(
                    self.output,
                    "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{CHANNEL}\r\n${}\r\n{at}\r\n",
                    CHANNEL.len(),
                    at.len()
                )?,
                Sender::Set(_) => write!(
                    self.output,
                    "*3\r\n$3\r\nSET\r\n${}\r\n{client}\r\n${}\r\n{at}\r\n",
                    client.len(),
                    at.len()
                )?,
                Sender::Nats(_) => write!(self.output, "PUB {CHANNEL} {}\r\n{at}\r\n", at.len())?,
            }
        }
        self.stream.write_all(&self.output).context("cannot send updates to the server")
    }
}
