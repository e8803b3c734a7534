//! A client's connection, every byte of which is recorded.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::transcript::{Transcript, What};

/// The longest answer that is read, in bytes. A node that sends more does not end its answer.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A connection to a node.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    transcript: Transcript,
    number: usize,
    node: String,
    /// The bytes that came and were not taken yet.
    pub received: Vec<u8>,
    /// Why no more bytes come, once it is known.
    pub ended: Option<End>,
}

/// Why nothing more comes from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The node closed its sending side.
    Closed,
    /// The connection was reset.
    Reset,
    /// The node has sent more than the longest answer.
    TooLong,
}

impl Connection {
    /// Connects to `node`.
    ///
    /// # Errors
    /// The node does not accept the connection within `patience`.
    pub fn open(
        transcript: &Transcript,
        node: &str,
        address: SocketAddr,
        patience: Duration,
    ) -> io::Result<Connection> {
        let number = transcript.next_connection();
        let connect = || {
            let stream = TcpStream::connect_timeout(&address, patience)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect().inspect_err(|error: &io::Error| {
            transcript.add(number, node, What::Note(format!("cannot connect: {error}")));
        })?;
        transcript.add(number, node, What::Opened);
        Ok(Connection {
            stream,
            transcript: transcript.clone(),
            number,
            node: node.to_owned(),
            received: Vec::new(),
            ended: None,
        })
    }

    /// Sends bytes, in one segment if they are few. A node that does not read, or that has closed
    /// the connection, is no error here: what it answers counts.
    pub fn send(&mut self, bytes: &[u8], patience: Duration) {
        self.record(What::Sent(bytes.to_vec()));
        let sent = self
            .stream
            .set_write_timeout(Some(patience.max(Duration::from_millis(1))))
            .and_then(|()| self.stream.write_all(bytes));
        if let Err(error) = sent {
            self.record(What::Note(format!("not all of it could be sent: {error}")));
        }
    }

    /// Sends bytes that are too many to be recorded.
    ///
    /// # Errors
    /// The node does not take them all within `patience`.
    pub fn send_unrecorded(&mut self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(Some(patience))?;
        self.stream.write_all(bytes)
    }

    /// Closes the sending side.
    pub fn end_sending(&mut self) {
        self.record(What::Note("end of sending".to_owned()));
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads until `done` holds for what came, nothing more can come, or `patience` is over. With
    /// `quiet`, it also stops when bytes came and none followed for that time.
    pub fn read_until(
        &mut self,
        done: impl Fn(&[u8]) -> bool,
        patience: Duration,
        quiet: Option<Duration>,
    ) -> bool {
        let deadline = Instant::now() + patience;
        let mut last = Instant::now();
        loop {
            if done(&self.received) {
                return true;
            }
            let now = Instant::now();
            let mut until = deadline;
            if let Some(quiet) = quiet.filter(|_| !self.received.is_empty()) {
                until = until.min(last + quiet);
            }
            if self.ended.is_some() || now >= until {
                return false;
            }
            if self.read_once(until - now) {
                last = Instant::now();
            }
        }
    }

    /// Reads what has come, for at most `patience`. Returns whether bytes came.
    fn read_once(&mut self, patience: Duration) -> bool {
        let mut buffer = [0; 64 * 1024];
        let read = self
            .stream
            .set_read_timeout(Some(patience.max(Duration::from_millis(1))))
            .and_then(|()| self.stream.read(&mut buffer));
        match read {
            Ok(0) => self.end(End::Closed, "the node closed the connection"),
            Ok(length) => {
                self.record(What::Received(buffer[..length].to_vec()));
                self.received.extend_from_slice(&buffer[..length]);
                if self.received.len() > LONGEST_ANSWER {
                    self.end(End::TooLong, "the answer does not end");
                }
                return true;
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            Err(_) => self.end(End::Reset, "the connection was reset"),
        }
        false
    }

    fn end(&mut self, end: End, note: &str) {
        self.ended = Some(end);
        self.record(What::Note(note.to_owned()));
    }

    fn record(&self, what: What) {
        self.transcript.add(self.number, &self.node, what);
    }

    /// Returns the socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}
