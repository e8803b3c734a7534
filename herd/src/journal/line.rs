//! The lines of a journal, readable in any editor: a checksum, the number of the line, and its
//! content.
//!
//! | line, after its checksum and number | meaning |
//! |---|---|
//! | `JOURNAL <format> <node>` | the first line: the format, and the node that the journal belongs to |
//! | `EPOCH <epoch>` | the epoch of the sequences from here on |
//! | `BOOT <id>` | the following lines were written in this boot of the machine |
//! | `<sequence> AT ...`, `<sequence> REMOVED ...`, `<sequence> AFTER ...` | an update, under the sequence with which the node learned it |
//! | `CURSOR <neighbour> <epoch> <sequence>` | how far that neighbour has been heard; everything up to there is above this line |
//! | `CLOSED` | the node was stopped, and nothing is missing |
//!
//! The checksum is the CRC-32 of everything after it and one space, in 8 hexadecimal digits. Lines
//! are numbered from 1, because sequences cannot show that a line is missing: an update that was
//! superseded before it was written leaves a gap in them. Format 1, which can still be read, has no
//! numbers.

use crate::bug::{Bug, is_planted};
use crate::message::Update;
use crate::node::Cursor;

/// The version of the format that nodes write.
pub const FORMAT: u64 = 2;

/// The oldest version of the format that nodes read. Its lines have no numbers.
pub const OLDEST: u64 = 1;

/// One line of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// The first line.
    Journal {
        /// The version of the format.
        format: u64,
        /// The node that the journal belongs to; empty if the format is unknown.
        node: &'a str,
    },
    /// The epoch of the sequences from here on.
    Epoch(u64),
    /// The id of the machine's boot in which the following lines were written.
    Boot(&'a str),
    /// An update.
    Update {
        /// The sequence with which the node learned it.
        sequence: u64,
        /// The line of the [`Update`](crate::message::Update).
        at: &'a [u8],
    },
    /// How far a neighbour has been heard.
    Cursor {
        /// The neighbour's name.
        neighbour: &'a str,
        /// The neighbour's epoch, and the last sequence heard.
        cursor: Cursor,
    },
    /// The node was stopped, and nothing is missing.
    Closed,
}

/// The length of the checksum and the space after it, in bytes.
const TAG: usize = 9;

impl<'a> Line<'a> {
    /// Parses a line without its line end. Returns its number, if it has one, and its content;
    /// `None` if it is damaged.
    ///
    /// # Examples
    /// ```
    /// use herd::journal::Line;
    ///
    /// let mut file = Vec::new();
    /// Line::Epoch(7).write(2, &mut file);
    /// let line = file.strip_suffix(b"\n").unwrap();
    /// assert_eq!(Line::parse(line), Some((Some(2), Line::Epoch(7))));
    /// assert_eq!(Line::parse(&line[1..]), None);
    /// ```
    pub fn parse(line: &'a [u8]) -> Option<(Option<u64>, Self)> {
        let Parsed { number, line, .. } = Parsed::of(line)?;
        Some((number, line))
    }

    fn parse_words(text: &'a [u8]) -> Option<Self> {
        let fields: Vec<&str> = std::str::from_utf8(text).ok()?.split(' ').collect();
        match *fields.as_slice() {
            // Only the number can be relied on if the format is unknown.
            ["JOURNAL", format, ..] if !(OLDEST..=FORMAT).contains(&decimal(format.as_bytes())?) => {
                Some(Line::Journal { format: decimal(format.as_bytes())?, node: "" })
            }
            ["JOURNAL", format, node] => Some(Line::Journal { format: decimal(format.as_bytes())?, node }),
            ["EPOCH", epoch] => Some(Line::Epoch(hexadecimal(epoch)?)),
            ["BOOT", id] => Some(Line::Boot(id)),
            ["CURSOR", neighbour, epoch, sequence] => {
                let cursor = Cursor { epoch: hexadecimal(epoch)?, sequence: decimal(sequence.as_bytes())? };
                Some(Line::Cursor { neighbour, cursor })
            }
            ["CLOSED"] => Some(Line::Closed),
            _ => None,
        }
    }

    /// Appends the line to `out`, with its checksum, its number and its line end.
    pub fn write(&self, number: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[b' '; TAG]);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        out.push(b' ');
        match self {
            Line::Update { sequence, at } => {
                out.extend_from_slice(itoa::Buffer::new().format(*sequence).as_bytes());
                out.push(b' ');
                out.extend_from_slice(at);
            }
            Line::Journal { format, node } => {
                out.extend_from_slice(format!("JOURNAL {format} {node}").as_bytes());
            }
            Line::Epoch(epoch) => out.extend_from_slice(format!("EPOCH {epoch:016x}").as_bytes()),
            Line::Boot(id) => out.extend_from_slice(format!("BOOT {id}").as_bytes()),
            Line::Cursor { neighbour, cursor: Cursor { epoch, sequence } } => {
                out.extend_from_slice(format!("CURSOR {neighbour} {epoch:016x} {sequence}").as_bytes());
            }
            Line::Closed => out.extend_from_slice(b"CLOSED"),
        }
        let tag = checksum(&out[start + TAG..]);
        out[start..start + TAG].copy_from_slice(&tag);
        out.push(b'\n');
    }
}

/// A line of a journal as it was read.
pub(super) struct Parsed<'a> {
    /// Its number, if it has one.
    pub(super) number: Option<u64>,
    pub(super) line: Line<'a>,
    /// The update of a [`Line::Update`].
    pub(super) update: Option<Update<'a>>,
}

impl<'a> Parsed<'a> {
    /// Parses a line without its line end; `None` if it is damaged.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let (tag, text) = line.split_at_checked(TAG)?;
        if tag != checksum(text) && !is_planted(Bug::TornLineApplied) {
            return None;
        }
        let words = |number, text| Some(Parsed { number, line: Line::parse_words(text)?, update: None });
        let Some((first, rest)) = number(text) else { return words(None, text) };
        if Update::is_like(rest) {
            return Self::of_update(None, first, rest);
        }
        match number(rest) {
            Some((sequence, at)) => Self::of_update(Some(first), sequence, at),
            None => words(Some(first), rest),
        }
    }

    fn of_update(number: Option<u64>, sequence: u64, at: &'a [u8]) -> Option<Self> {
        let update = Some(Update::parse(at)?);
        Some(Parsed { number, line: Line::Update { sequence, at }, update })
    }
}

/// Returns the checksum of a line, and a space.
fn checksum(text: &[u8]) -> [u8; TAG] {
    let sum = crc32fast::hash(text);
    let mut tag = [b' '; TAG];
    for (index, digit) in tag[..TAG - 1].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(sum >> (28 - 4 * index)) as usize & 0xf];
    }
    tag
}

/// Splits the number at the start of a text from what follows it and one space.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    text.first().filter(|byte| byte.is_ascii_digit())?;
    let space = memchr::memchr(b' ', text)?;
    Some((decimal(&text[..space])?, &text[space + 1..]))
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |number: u64, byte: &u8| number.checked_mul(10)?.checked_add(digit(byte)?);
    if text.is_empty() { None } else { text.iter().try_fold(0, add) }
}

fn hexadecimal(text: &str) -> Option<u64> {
    if text.len() == 16 { u64::from_str_radix(text, 16).ok() } else { None }
}
