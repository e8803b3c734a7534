//! The record of everything that passes between the judge and a herd, with times.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fixtures::escape::escape;

/// The number of bytes that a transcript keeps of one direction of one connection.
const KEPT: usize = 64 * 1024;

/// A transcript that connections write to. Its clones share one record.
#[derive(Clone, Debug)]
pub struct Transcript(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    begun: Instant,
    connections: usize,
    events: Vec<Event>,
    bytes: usize,
}

#[derive(Debug)]
struct Event {
    at: Duration,
    /// The connection's number and its node, or `None` for what concerns none.
    connection: Option<(usize, String)>,
    what: What,
}

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The judge connected.
    Opened,
    /// The judge sent bytes.
    Sent(Vec<u8>),
    /// Bytes came from the node.
    Received(Vec<u8>),
    /// Something else, in words.
    Note(String),
}

impl Default for Transcript {
    fn default() -> Transcript {
        let record = Record { begun: Instant::now(), connections: 0, events: Vec::new(), bytes: 0 };
        Transcript(Arc::new(Mutex::new(record)))
    }
}

impl Transcript {
    /// Empties the transcript; its clock begins at zero.
    pub fn restart(&self) {
        *self.record() = Record { begun: Instant::now(), connections: 0, events: Vec::new(), bytes: 0 };
    }

    /// Returns the number of a new connection.
    pub(super) fn next_connection(&self) -> usize {
        let mut record = self.record();
        record.connections += 1;
        record.connections
    }

    /// Adds an event of a connection to a node.
    pub(super) fn add(&self, connection: usize, node: &str, what: What) {
        self.push(Some((connection, node.to_owned())), what);
    }

    /// Adds an event that concerns no connection.
    pub fn note(&self, text: impl Into<String>) {
        self.push(None, What::Note(text.into()));
    }

    fn push(&self, connection: Option<(usize, String)>, what: What) {
        let mut record = self.record();
        let at = record.begun.elapsed();
        let length = match &what {
            What::Sent(bytes) | What::Received(bytes) => bytes.len(),
            What::Opened | What::Note(_) => 0,
        };
        if record.bytes <= KEPT {
            record.events.push(Event { at, connection, what });
        } else if record.events.last().is_none_or(|last| last.what != left_out()) {
            record.events.push(Event { at, connection: None, what: left_out() });
        }
        record.bytes += length;
    }

    /// Returns the time since the transcript began, in words.
    pub fn moment(&self) -> String {
        format!("{:.3} s", self.record().begun.elapsed().as_secs_f64())
    }

    /// Returns the transcript as text: a line for each event, with the seconds since its start.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Event { at, connection, what } in &self.record().events {
            let _ = write!(text, "{:9.3}  ", at.as_secs_f64());
            if let Some((number, node)) = connection {
                let _ = write!(text, "{number:>3} {node}  ");
            }
            let _ = match what {
                What::Opened => writeln!(text, "connected"),
                What::Sent(bytes) => writeln!(text, "> {}", escape(bytes)),
                What::Received(bytes) => writeln!(text, "< {}", escape(bytes)),
                What::Note(note) => writeln!(text, "{note}"),
            };
        }
        text
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_out() -> What {
    What::Note(format!("more than {KEPT} bytes passed: the rest is left out"))
}
