//! Updates: what nodes send each other of one client and keep in their journals.
//!
//! | line | meaning |
//! |---|---|
//! | `AT ...` | the latest report of a client that was never removed |
//! | `REMOVED <removals> <client-id>` | the client was removed, for the `removals`th time, and has not reported since |
//! | `AFTER <removals> AT ...` | its latest report after `removals` removals |
//!
//! Clients see only AT lines.

use std::io::Write;

use super::decimal::Digits;
use super::{At, ClientId};

/// The largest number of digits in a number of removals, so that it fits 32 bits.
const LONGEST_NUMBER: usize = 9;

/// The largest number of times that one client can be removed.
pub const MOST_REMOVALS: u32 = 999_999_999;

/// A parsed update: the latest report of a client, or its removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The whole line without its line end.
    pub line: &'a [u8],
    /// The client.
    pub client: ClientId<'a>,
    /// The number of removals before the report or, in a removal, including it.
    pub removals: u32,
    /// The report; `None` for a removal.
    pub report: Option<At<'a>>,
}

impl<'a> Update<'a> {
    /// Parses a line without its line end. Returns `None` unless it is exactly what a node writes.
    ///
    /// # Examples
    /// ```
    /// use herd::message::Update;
    ///
    /// let update = Update::parse(b"REMOVED 1 kiwi").unwrap();
    /// assert_eq!((update.removals, update.report), (1, None));
    /// ```
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        if let Some(rest) = line.strip_prefix(b"AFTER ") {
            let (removals, at) = removals(rest)?;
            let update = Update::from(At::parse(at)?);
            return Some(Update { line, removals, ..update });
        }
        if let Some(rest) = line.strip_prefix(b"REMOVED ") {
            let (removals, client) = removals(rest)?;
            return Some(Update { line, client: ClientId::parse(client)?, removals, report: None });
        }
        At::parse(line).map(Update::from)
    }

    /// Returns whether a line begins like an update. Its fields are not checked.
    pub fn is_like(line: &[u8]) -> bool {
        [&b"AT "[..], b"AFTER ", b"REMOVED "].iter().any(|word| line.starts_with(word))
    }

    /// Appends the line of a removal to `out`, without line end.
    pub fn write_removal(out: &mut Vec<u8>, removals: u32, client: ClientId<'_>) {
        write_number(out, "REMOVED", removals);
        out.extend_from_slice(client.as_bytes());
    }

    /// Appends the line of a report after removals to `out`, without line end.
    pub fn write_report_after(out: &mut Vec<u8>, removals: u32, at: &[u8]) {
        write_number(out, "AFTER", removals);
        out.extend_from_slice(at);
    }
}

/// Returns the update of a client that was never removed.
impl<'a> From<At<'a>> for Update<'a> {
    fn from(at: At<'a>) -> Self {
        Update { line: at.line, client: at.iamat.client, removals: 0, report: Some(at) }
    }
}

/// Splits the number at the start of `text` from what follows; `None` unless the number is written
/// as a node does.
fn removals(text: &[u8]) -> Option<(u32, &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    let digits = Digits::parse(&text[..space], LONGEST_NUMBER)?;
    let is_canonical = digits.text[0] != b'0';
    is_canonical.then_some((digits.value as u32, &text[space + 1..]))
}

fn write_number(out: &mut Vec<u8>, word: &str, number: u32) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{word} {number} ");
}
