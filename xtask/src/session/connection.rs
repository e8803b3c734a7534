//! A client's connection to a node, and where its answers end.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use fixtures::escape::escape;

use super::deadline::Deadline;

/// More than this is no answer, and nobody's to keep.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

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
    pub(super) fn open(address: SocketAddr, deadline: Deadline) -> Result<Connection, String> {
        let left = deadline.left().map_err(|waited| format!("{waited} to connect to {address}"))?;
        let open = || {
            let stream = TcpStream::connect_timeout(&address, left)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|error: io::Error| format!("cannot connect to {address}: {error}"))?;
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
    pub(super) fn send(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), String> {
        let write = |stream: &mut TcpStream, left| {
            stream.set_write_timeout(Some(left))?;
            stream.write_all(bytes)
        };
        let left = deadline.left().map_err(|waited| format!("{waited} to send"))?;
        write(&mut self.stream, left).map_err(|error: io::Error| format!("cannot send: {error}"))?;
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
        Ok(())
    }

    /// Sends bytes and closes the sending side right behind them: a line begun is a line.
    pub(super) fn half_close(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), String> {
        self.send(bytes, deadline)?;
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
    pub(super) fn answer(&mut self, deadline: Deadline) -> Result<Vec<u8>, String> {
        let asks_places = self.owed.pop_front().ok_or("no line was sent that has no answer yet")?;
        let mut end = self.wait_for(b"\n", 0, deadline)?;
        if asks_places && self.received.starts_with(b"AT ") {
            end = self.wait_for(b"\n\n", end, deadline)?;
        }
        Ok(self.received.drain(..end).collect())
    }

    /// Waits for the end of the stream; returns what came before it.
    pub(super) fn rest(&mut self, deadline: Deadline) -> Result<Vec<u8>, String> {
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
    fn wait_for(&mut self, end: &[u8], mut from: usize, deadline: Deadline) -> Result<usize, String> {
        loop {
            let found = self.received[from..].windows(end.len()).position(|window| window == end);
            if let Some(found) = found {
                return Ok(from + found + end.len());
            }
            if self.ended {
                return Err(format!("the node closed before its answer was whole: {}", self.so_far()));
            }
            // What has been looked through is not looked through again, but for an end that has begun.
            from = from.max((self.received.len() + 1).saturating_sub(end.len()));
            self.read(deadline, "an answer")?;
        }
    }

    fn read(&mut self, deadline: Deadline, what: &str) -> Result<(), String> {
        if self.received.len() > LONGEST_ANSWER {
            return Err(format!(
                "{} bytes came, and still it had to be waited for {what}",
                self.received.len()
            ));
        }
        let late = |waited: String| format!("{waited} for {what}; so far: {}", self.so_far());
        let left = deadline.left().map_err(late)?;
        self.stream.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            // The time is over, or nearly: the next look at the deadline tells.
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            Err(error) => return Err(format!("the connection broke: {error}; so far: {}", self.so_far())),
        }
        Ok(())
    }

    fn so_far(&self) -> String {
        if self.received.is_empty() { "nothing".to_owned() } else { escape(&self.received) }
    }
}
