//! Lines of clients and neighbours on their way to the log. The thread that serves a connection
//! only copies them, with one read of the clock for each batch; the log's thread formats them.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use strum::{FromRepr, VariantArray};
use tracing::level_filters::LevelFilter;

use super::RUNNING;
use super::backlog::Backlog;
use crate::ambient;

/// What an entry of the backlog is. A batch is a [`Client`](Kind::Client) or a
/// [`Neighbour`](Kind::Neighbour), and the lines after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRepr, VariantArray)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An event that is formatted already, with its line end.
    Event,
    /// The time of a batch, and the address of the client.
    Client,
    /// The time of a batch, and the name of the neighbour.
    Neighbour,
    /// A line from a client.
    Received,
    /// The start of a line that is too long, from a client.
    TooLong,
    /// Why a client's line is refused.
    Refused,
    /// The line of an answer to a client.
    Answered,
    /// A line from a neighbour.
    Heard,
    /// A line to a neighbour.
    Said,
    /// A heartbeat from a neighbour.
    HeardHeartbeat,
    /// A heartbeat to a neighbour.
    SaidHeartbeat,
}

impl Kind {
    fn is_heartbeat(self) -> bool {
        matches!(self, Kind::HeardHeartbeat | Kind::SaidHeartbeat)
    }
}

/// The bytes of an entry before its text: the kind, and the length of the text.
const HEADER: usize = 5;

/// The bytes of a batch's time, in microseconds since 1970.
const TIME: usize = 8;

/// The size at which a batch goes to the backlog before it is complete, in bytes.
const LARGEST_BATCH: usize = 16 * 1024;

/// Adds an entry to the bytes of a backlog.
pub(super) fn add_entry(entries: &mut Vec<u8>, kind: Kind, text: &[u8]) {
    // No text is longer than a batch: lines are far shorter.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    entries.push(kind as u8);
    entries.extend_from_slice(&length.to_le_bytes());
    entries.extend_from_slice(&text[..length as usize]);
}

/// Takes the first entry off the bytes of a backlog.
pub(super) fn take_entry<'a>(entries: &mut &'a [u8]) -> Option<(Kind, &'a [u8])> {
    let (header, rest) = entries.split_first_chunk::<HEADER>()?;
    let [kind, length @ ..] = *header;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
    *entries = rest;
    Some((Kind::from_repr(kind)?, text))
}

/// Returns the time and the peer of a batch.
pub(super) fn batch_start(text: &[u8]) -> (SystemTime, &[u8]) {
    let (time, peer) = text.split_first_chunk::<TIME>().unwrap_or((&[0; TIME], text));
    (UNIX_EPOCH + Duration::from_micros(u64::from_le_bytes(*time)), peer)
}

/// A batch of lines for the log, all of one connection and one time. The backlog gets them when it
/// is dropped.
pub(crate) struct LogLines {
    backlog: &'static Backlog,
    kind: Kind,
    /// The address or the name of whom these lines are from or to.
    peer: String,
    entries: Vec<u8>,
    /// The length of the first entry, which has the time and the peer.
    start: usize,
    /// The number of lines in `entries`.
    lines: u64,
}

impl LogLines {
    /// Begins a batch of lines from and to a client. Returns `None` while lines are not logged,
    /// which costs one load.
    pub(crate) fn of_client(peer: SocketAddr) -> Option<LogLines> {
        LogLines::begin(Kind::Client, &peer)
    }

    /// Begins a batch of lines from or to a neighbour. Returns `None` while lines are not logged,
    /// which costs one load.
    pub(crate) fn of_neighbour(name: &str) -> Option<LogLines> {
        LogLines::begin(Kind::Neighbour, &name)
    }

    fn begin(kind: Kind, peer: &dyn Display) -> Option<LogLines> {
        if LevelFilter::current() < LevelFilter::DEBUG {
            return None;
        }
        let backlog = &RUNNING.get()?.backlog;
        Some(LogLines { backlog, kind, peer: peer.to_string(), entries: Vec::new(), start: 0, lines: 0 })
    }

    /// Sets the name of the neighbour whose lines follow, which its HELLO has told.
    pub(crate) fn set_neighbour(&mut self, name: &str) {
        self.end();
        name.clone_into(&mut self.peer);
    }

    /// Adds a line without its line end, unless it is a heartbeat and these are not logged.
    pub(crate) fn add(&mut self, kind: Kind, line: &[u8]) {
        if kind.is_heartbeat() && LevelFilter::current() < LevelFilter::TRACE {
            return;
        }
        if self.entries.is_empty() {
            self.add_start();
        }
        add_entry(&mut self.entries, kind, line);
        self.lines += 1;
        if self.entries.len() >= self.backlog.many().min(LARGEST_BATCH) {
            self.push();
        }
    }

    /// Adds the first entry, with the time.
    fn add_start(&mut self) {
        let since_1970 = ambient::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX).to_le_bytes();
        add_entry(&mut self.entries, self.kind, &[&time[..], self.peer.as_bytes()].concat());
        self.start = self.entries.len();
    }

    /// Ends the batch, so that its lines precede events that are logged from now on. Further lines
    /// have a later time.
    pub(crate) fn end(&mut self) {
        self.push();
        self.entries.clear();
    }

    /// Gives the lines to the backlog.
    fn push(&mut self) {
        if self.lines > 0 {
            self.backlog.push(&self.entries, self.lines);
            self.entries.truncate(self.start);
            self.lines = 0;
        }
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        self.push();
    }
}
