//! A client's connection to a node, which knows where each answer ends.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use fixtures::escape::escape;

use super::deadline::Deadline;

/// The longest answer that is read, in bytes. A node that sends more has no end in sight.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// One connection of a session. Its errors name no file and line: the player adds them.
#[derive(Debug)]
pub(super) struct ClientConnection {
    address: SocketAddr,
    stream: TcpStream,
    /// The bytes sent since the last line end: the start of a line.
    partial_line: Vec<u8>,
    /// An entry for each line that waits for its answer: whether the line is a WHATSAT.
    unanswered: VecDeque<bool>,
    received: Vec<u8>,
    ended: bool,
}

impl ClientConnection {
    /// Connects to a node.
    pub(super) fn open(address: SocketAddr, deadline: Deadline) -> Result<ClientConnection, String> {
        let left = deadline.left().map_err(|waited| format!("{waited} to connect to {address}"))?;
        let open = || {
            let stream = TcpStream::connect_timeout(&address, left)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|error: io::Error| format!("cannot connect to {address}: {error}"))?;
        Ok(ClientConnection {
            address,
            stream,
            partial_line: Vec::new(),
            unanswered: VecDeque::new(),
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
            self.partial_line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
        Ok(())
    }

    /// Sends bytes and closes the sending side. A last line without a line end counts as a line.
    pub(super) fn half_close(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), String> {
        self.send(bytes, deadline)?;
        if !self.partial_line.is_empty() {
            self.end_line();
        }
        self.stream.shutdown(Shutdown::Write).map_err(|error| format!("cannot close: {error}"))
    }

    /// The node's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of lines that wait for their answers.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// Waits for the next answer: a line and, if it is an AT line that answers a WHATSAT, the JSON
    /// that follows, up to two line ends.
    pub(super) fn answer(&mut self, deadline: Deadline) -> Result<Vec<u8>, String> {
        let asks_places = self.unanswered.pop_front().ok_or("every line that was sent has been answered")?;
        let mut end = self.wait_for(b"\n", 0, deadline)?;
        if asks_places && self.received.starts_with(b"AT ") {
            end = self.wait_for(b"\n\n", end, deadline)?;
        }
        Ok(self.received.drain(..end).collect())
    }

    /// Waits until the node closes the connection, and returns the bytes not read as answers.
    pub(super) fn rest(&mut self, deadline: Deadline) -> Result<Vec<u8>, String> {
        while !self.ended {
            self.read(deadline, "the node to close")?;
        }
        Ok(std::mem::take(&mut self.received))
    }

    fn end_line(&mut self) {
        let mut fields = self.partial_line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        self.unanswered.push_back(fields.next() == Some(b"WHATSAT"));
        self.partial_line.clear();
    }

    /// Reads until `end` has been received at offset `from` or later. Returns the offset behind it.
    fn wait_for(&mut self, end: &[u8], mut from: usize, deadline: Deadline) -> Result<usize, String> {
        loop {
            let found = self.received[from..].windows(end.len()).position(|window| window == end);
            if let Some(found) = found {
                return Ok(from + found + end.len());
            }
            if self.ended {
                return Err(format!(
                    "the node closed the connection before its answer was complete; received so far: {}",
                    self.so_far()
                ));
            }
            // Search only new bytes, and the last old ones, which may be the start of `end`.
            from = from.max((self.received.len() + 1).saturating_sub(end.len()));
            self.read(deadline, "an answer")?;
        }
    }

    fn read(&mut self, deadline: Deadline, what: &str) -> Result<(), String> {
        if self.received.len() > LONGEST_ANSWER {
            return Err(format!(
                "received {} bytes while waiting for {what}, more than the limit of {LONGEST_ANSWER}",
                self.received.len()
            ));
        }
        let late = |waited: String| format!("{waited} for {what}; received so far: {}", self.so_far());
        let left = deadline.left().map_err(late)?;
        self.stream.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            // The deadline has passed or is about to: the next call checks it.
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            Err(error) => {
                return Err(format!("the connection broke: {error}; received so far: {}", self.so_far()));
            }
        }
        Ok(())
    }

    fn so_far(&self) -> String {
        if self.received.is_empty() { "nothing".to_owned() } else { escape(&self.received) }
    }
}
