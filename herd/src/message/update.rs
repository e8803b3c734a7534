//! What nodes tell each other of one client, and keep in their journals: its latest report, or its removal.
//!
//! | line | meaning |
//! |---|---|
//! | `AT ...` | the latest report of a client that was never removed |
//! | `REMOVED <removals> <client-id>` | the client was removed, for the `removals`th time, and has not reported since |
//! | `AFTER <removals> AT ...` | its latest report after so many removals |
//!
//! Clients see AT lines only.

use std::io::Write;

use super::decimal::Digits;
use super::{At, ClientId};

/// Digits that a number of removals has at most, so that it fits 32 bits.
const LONGEST_NUMBER: usize = 9;

/// No client is removed more often.
pub const MOST_REMOVALS: u32 = 999_999_999;

/// What a node knows of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The whole line without its line end.
    pub line: &'a [u8],
    /// Which client.
    pub client: ClientId<'a>,
    /// How often that was removed before the report, or with this removal.
    pub removals: u32,
    /// The report; `None` for a removal.
    pub report: Option<At<'a>>,
}

impl<'a> Update<'a> {
    /// Understands a line without its line end, if it is exactly what a node writes.
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

    /// Whether a line begins like one; its fields need not be acceptable.
    pub fn is_like(line: &[u8]) -> bool {
        [&b"AT "[..], b"AFTER ", b"REMOVED "].iter().any(|word| line.starts_with(word))
    }

    /// Appends to `out` the line of a removal, without line end.
    pub fn write_removal(out: &mut Vec<u8>, removals: u32, client: ClientId<'_>) {
        write_number(out, "REMOVED", removals);
        out.extend_from_slice(client.as_bytes());
    }

    /// Appends to `out` the line of a report after removals, without line end.
    pub fn write_report_after(out: &mut Vec<u8>, removals: u32, at: &[u8]) {
        write_number(out, "AFTER", removals);
        out.extend_from_slice(at);
    }
}

/// A report of a client that was never removed.
impl<'a> From<At<'a>> for Update<'a> {
    fn from(at: At<'a>) -> Self {
        Update { line: at.line, client: at.iamat.client, removals: 0, report: Some(at) }
    }
}

/// The number that `text` begins with, written in the one way that counts, and what follows it.
fn removals(text: &[u8]) -> Option<(u32, &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    let digits = Digits::parse(&text[..space], LONGEST_NUMBER)?;
    let is_canonical = digits.text[0] != b'0';
    is_canonical.then_some((digits.value as u32, &text[space + 1..]))
}

fn write_number(out: &mut Vec<u8>, word: &str, number: u32) {
    // A vector takes any bytes.
    let _ = write!(out, "{word} {number} ");
}
