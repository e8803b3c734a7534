//! Messages of the backbone: their subjects, their headers and their lines.
//!
//! | part | content |
//! |---|---|
//! | subject | `<stream>.<region>.<node>`, with `~` for each `.` in a name |
//! | header `Herd-Cursor` | `<epoch> <sequence> <window> <stream> <end> <forgotten>`: the change log of the node up to which everything was stored when the message was sent, and the [window](crate::message::At::window) of the first update that was not; both for the life of the stream with that epoch. Then the sequence of the last update in the message, and the window up to which the node has forgotten reports |
//! | body | [updates](crate::message::Update), each with a line end |

use std::fmt;
use std::str::FromStr;

use crate::node::Cursor;

/// The name of the header.
pub const CURSOR: &str = "Herd-Cursor";

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The change log of the node, up to which everything was stored when the message was sent.
    pub cursor: Cursor,
    /// The window in which the node received the first update that was not stored then; 0 if it
    /// is not known.
    pub window: u64,
    /// The [epoch](super::StreamState::epoch) of the stream that had stored it. In another life of
    /// the stream, the header says nothing of what is stored.
    pub stream: u64,
    /// The end of the message in the change log of the node, which is in the epoch of `cursor`: the
    /// message has nothing that comes later. 0 if it is not part of that log.
    pub end: u64,
    /// The window up to which the node has forgotten reports; 0 if it has forgotten nothing.
    pub forgotten: u64,
}

impl Header {
    /// Returns the cursor if it is about the stream with this epoch.
    pub(super) fn cursor_in(&self, stream: u64) -> Option<Cursor> {
        (self.stream == stream).then_some(self.cursor)
    }

    /// Returns the window if it is about the stream with this epoch, and 0 otherwise.
    pub(super) fn window_in(&self, stream: u64) -> u64 {
        if self.stream == stream { self.window } else { 0 }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { cursor: Cursor { epoch, sequence }, window, stream, end, forgotten } = self;
        write!(f, "{epoch:016x} {sequence} {window} {stream:016x} {end} {forgotten}")
    }
}

/// The error of a header that no node writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownHeader;

impl FromStr for Header {
    type Err = UnknownHeader;

    fn from_str(text: &str) -> Result<Header, UnknownHeader> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(UnknownHeader);
        let epoch = u64::from_str_radix(next()?, 16).map_err(|_| UnknownHeader)?;
        let sequence = next()?.parse().map_err(|_| UnknownHeader)?;
        let window = next()?.parse().map_err(|_| UnknownHeader)?;
        let stream = u64::from_str_radix(next()?, 16).map_err(|_| UnknownHeader)?;
        let end = next()?.parse().map_err(|_| UnknownHeader)?;
        let forgotten = next()?.parse().map_err(|_| UnknownHeader)?;
        if words.next().is_some() {
            Err(UnknownHeader)
        } else {
            Ok(Header { cursor: Cursor { epoch, sequence }, window, stream, end, forgotten })
        }
    }
}

/// Returns the subject of the messages of a node in a region.
///
/// # Examples
/// ```
/// use herd::backbone::{node_of, subject};
///
/// let subject = subject("herd", "west", "a.node");
/// assert_eq!(subject, "herd.west.a~node");
/// assert_eq!(node_of("herd", &subject), Some(("west".to_owned(), "a.node".to_owned())));
/// ```
pub fn subject(stream: &str, region: &str, node: &str) -> String {
    format!("{stream}.{}.{}", token(region), token(node))
}

/// Returns the region and the node of a subject; `None` if it is not one of the stream's.
pub fn node_of(stream: &str, subject: &str) -> Option<(String, String)> {
    let (region, node) = subject.strip_prefix(stream)?.strip_prefix('.')?.split_once('.')?;
    Some((region.replace('~', "."), node.replace('~', ".")))
}

/// Returns a name as one token of a subject, whose tokens are separated by dots.
pub(super) fn token(name: &str) -> String {
    name.replace('.', "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let cursor = Cursor { epoch: u64::MAX, sequence: 17 };
        let header = Header { cursor, window: 24_000_000_000, stream: 10, end: 4, forgotten: 3 };
        assert_eq!(header.to_string(), "ffffffffffffffff 17 24000000000 000000000000000a 4 3");
        assert_eq!(header.to_string().parse(), Ok(header));
    }

    #[test]
    fn a_header_that_no_node_writes_is_rejected() {
        let short = ["", "1", "1 2 3 4 5", "1 2 3 4 5 6 7", "1  2 3 4 5 6"];
        let wrong =
            ["x 2 3 4 5 6", "1 -2 3 4 5 6", "1 2 x 4 5 6", "1 2 3 x 5 6", "1 2 3 4 x 6", "1 2 3 4 5 x"];
        for text in short.into_iter().chain(wrong) {
            assert_eq!(text.parse::<Header>(), Err(UnknownHeader), "{text:?}");
        }
    }

    #[test]
    fn a_subject_of_another_stream_names_no_node() {
        for subject in ["herd", "herd.west", "herds.west.Alford", "other.west.Alford", "herdwest.Alford"] {
            assert_eq!(node_of("herd", subject), None, "{subject}");
        }
    }
}
