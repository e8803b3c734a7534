//! A reader of a node's events, which discards them.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};

/// A thread that reads the events of a node.
pub(crate) struct EventReader {
    stream: TcpStream,
    events: JoinHandle<u64>,
}

impl EventReader {
    /// Begins to read the events of the node with this admin port, and waits for the first.
    ///
    /// # Errors
    /// The node does not answer with events.
    pub(crate) fn open(admin: SocketAddr) -> Result<EventReader> {
        let mut stream = TcpStream::connect(admin).context("cannot connect to an admin port")?;
        stream.write_all(b"GET /events HTTP/1.0\r\n\r\n")?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let is_greeted = lines.by_ref().map_while(Result::ok).any(|line| line == "event: hello");
        ensure!(is_greeted, "http://{admin}/events did not answer with events");
        let is_event = |line: &String| line.starts_with("event:");
        let events = thread::spawn(move || lines.map_while(Result::ok).filter(is_event).count() as u64);
        Ok(EventReader { stream, events })
    }

    /// Ends the reader, and returns the number of events that it has read after the first.
    pub(crate) fn close(self) -> u64 {
        // The error is ignored: the node may have closed the connection already.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.events.join().expect("a thread that does not panic")
    }
}
