//! The lines of a journal, readable with any editor: a checksum, and what it is about.
//!
//! | line, after its checksum | meaning |
//! |---|---|
//! | `JOURNAL <format> <node>` | the first line: which format this is, and whose journal |
//! | `EPOCH <epoch>` | the life of the table that the sequences from here on belong to |
//! | `BOOT <id>` | from here on written in this life of the machine, and not closed yet |
//! | `<sequence> AT ...`, `<sequence> REMOVED ...`, `<sequence> AFTER ...` | an update, under the sequence in which the node learned it |
//! | `CURSOR <neighbour> <epoch> <sequence>` | up to where that neighbour has been heard; all of it stands above |
//! | `CLOSED` | the node was stopped, and nothing is missing |
//!
//! The checksum is the CRC-32 of what follows it and one space, as 8 hexadecimal digits.

use crate::bug::{Bug, is_planted};
use crate::message::Update;
use crate::node::Cursor;

/// The version of the format.
pub const FORMAT: u64 = 1;

/// One line of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// The first one.
    Journal {
        /// The version of the format.
        format: u64,
        /// Whose journal it is; empty when that cannot be told, since the format is another one.
        node: &'a str,
    },
    /// An epoch has begun.
    Epoch(u64),
    /// The node has begun to write, in this life of the machine.
    Boot(&'a str),
    /// An update.
    Update {
        /// The sequence in which the node learned it.
        sequence: u64,
        /// Its line, that of an [`Update`](crate::message::Update).
        at: &'a [u8],
    },
    /// A neighbour has been heard up to here.
    Cursor {
        /// Its name.
        neighbour: &'a str,
        /// Up to where.
        cursor: Cursor,
    },
    /// The node was stopped.
    Closed,
}

/// The checksum and the space after it, in bytes.
const TAG: usize = 9;

impl<'a> Line<'a> {
    /// Understands a line without its line end. `None` is damage.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (tag, text) = line.split_at_checked(TAG)?;
        if tag != checksum(text) && !is_planted(Bug::TornLineApplied) {
            return None;
        }
        if text.first()?.is_ascii_digit() {
            let space = memchr::memchr(b' ', text)?;
            let (sequence, at) = (&text[..space], &text[space + 1..]);
            return Some(Line::Update { sequence: decimal(sequence)?, at })
                .filter(|_| Update::parse(at).is_some());
        }
        let fields: Vec<&str> = std::str::from_utf8(text).ok()?.split(' ').collect();
        match *fields.as_slice() {
            // Of another format only the number can be relied on.
            ["JOURNAL", format, ..] if decimal(format.as_bytes())? != FORMAT => {
                Some(Line::Journal { format: decimal(format.as_bytes())?, node: "" })
            }
            ["JOURNAL", _, node] => Some(Line::Journal { format: FORMAT, node }),
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

    /// Appends the line with its checksum and its line end to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[b' '; TAG]);
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

/// The tag of a line: its checksum, and a space.
fn checksum(text: &[u8]) -> [u8; TAG] {
    let sum = crc32fast::hash(text);
    let mut tag = [b' '; TAG];
    for (index, digit) in tag[..TAG - 1].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(sum >> (28 - 4 * index)) as usize & 0xf];
    }
    tag
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hexadecimal(text: &str) -> Option<u64> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}
