//! A client's connection to a node, and where its answers end.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a node may take for what is waited for.
const DEADLINE: Duration = Duration::from_secs(10);

/// One connection. Errors are messages without a place; the player adds it.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    /// The start of a line that has been sent.
    begun: Vec<u8>,
    /// Of each line sent and not answered: whether it asks for places.
    owed: VecDeque<bool>,
    received: Vec<u8>,
    ended: bool,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Connection, String> {
        let open = || {
            let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(DEADLINE))?;
            Ok(stream)
        };
        let stream =
            open().map_err(|error: std::io::Error| format!("cannot connect to {address}: {error}"))?;
        Ok(Connection {
            address,
            stream,
            begun: Vec::new(),
            owed: VecDeque::new(),
            received: Vec::new(),
            ended: false,
        })
    }

    /// Sends bytes in one segment.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| format!("cannot send: {error}"))?;
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
        Ok(())
    }

    /// Sends bytes and closes the sending side right behind them: a line begun is a line.
    pub(super) fn half_close(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.send(bytes)?;
        if !self.begun.is_empty() {
            self.end_line();
        }
        self.stream.shutdown(Shutdown::Write).map_err(|error| format!("cannot close: {error}"))
    }

    /// The node's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lines sent and not answered.
    pub(super) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Waits for the next answer: a line, and the JSON up to two line ends behind it when places were asked for
    /// and the answer is no copy.
    pub(super) fn answer(&mut self) -> Result<Vec<u8>, String> {
        let asks_places = self.owed.pop_front().ok_or("no line was sent that has no answer yet")?;
        let mut end = self.wait_for(b"\n", 0)?;
        if asks_places && self.received.starts_with(b"AT ") {
            end = self.wait_for(b"\n\n", end)?;
        }
        Ok(self.received.drain(..end).collect())
    }

    /// Waits for the end of the stream; returns what came before it.
    pub(super) fn rest(&mut self) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + DEADLINE;
        while !self.ended {
            self.read(deadline, "the node to close")?;
        }
        Ok(std::mem::take(&mut self.received))
    }

    fn end_line(&mut self) {
        let mut fields = self.begun.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        self.owed.push_back(fields.next() == Some(b"WHATSAT"));
        self.begun.clear();
    }

    /// Waits until `end` has come, at `from` or later; returns where it ends.
    fn wait_for(&mut self, end: &[u8], from: usize) -> Result<usize, String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = self.received[from..].windows(end.len()).position(|window| window == end);
            if let Some(found) = found {
                return Ok(from + found + end.len());
            }
            if self.ended {
                return Err(format!("the node closed before its answer was whole: {}", self.so_far()));
            }
            self.read(deadline, "an answer")?;
        }
    }

    fn read(&mut self, deadline: Instant, what: &str) -> Result<(), String> {
        let late = |so_far: String| format!("waited {DEADLINE:?} for {what}; so far: {so_far}");
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late(self.so_far()));
        }
        self.stream.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(late(self.so_far())),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("the connection broke: {error}; so far: {}", self.so_far())),
        }
        Ok(())
    }

    fn so_far(&self) -> String {
        if self.received.is_empty() { "nothing".to_owned() } else { super::escape::escape(&self.received) }
    }
}
