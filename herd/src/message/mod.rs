//! The language of clients and nodes: bytes to values and back, and nothing else. No I/O, no clock.
//!
//! A client sends one command a line and gets one answer a command:
//!
//! | line | meaning |
//! |---|---|
//! | `IAMAT <client-id> <latitude><longitude> <time>` | the client says where it was, and when: [`Iamat`] |
//! | `WHATSAT <client-id> <radius> <bound>` | what is within so many kilometres of that client: [`Whatsat`] |
//! | `AT <server> <skew> <client-id> <location> <time>` | the answer to both, and what nodes flood: [`At`], [`Update`] |
//! | `? <line>` | the answer to anything else: a copy of the line, byte for byte |
//!
//! Values borrow the line they were read from, since answers copy the client's own bytes and never print a
//! number anew. White space is space, tab, CR, LF, form feed and vertical tab; Unicode's other spaces are not.

mod at;
mod client_id;
mod decimal;
mod http;
mod iamat;
mod lines;
mod link_line;
mod location;
mod time;
mod update;
mod whatsat;

pub use at::{At, is_node_name};
pub use client_id::{ClientId, LONGEST_CLIENT_ID};
pub use http::begins_http;
pub use iamat::Iamat;
pub use lines::{Lines, Piece};
pub use link_line::{LinkLine, VERSION, hex, words};
pub use location::Location;
pub use time::{Skew, Stamp, Time};
pub use update::{MOST_REMOVALS, Update};
pub use whatsat::Whatsat;

/// What a client's line begins with, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `IAMAT`.
    Iamat,
    /// `WHATSAT`.
    Whatsat,
    /// Anything else.
    Other,
}

impl Verb {
    /// The verb of a line.
    pub fn of(line: &[u8]) -> Verb {
        match fields(line).next() {
            Some(b"IAMAT") => Verb::Iamat,
            Some(b"WHATSAT") => Verb::Whatsat,
            _ => Verb::Other,
        }
    }
}

/// A client's line, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The client says where it is.
    Iamat(Iamat<'a>),
    /// The client asks what is near some client.
    Whatsat(Whatsat<'a>),
}

impl<'a> Command<'a> {
    /// Understands a line without its line end. `None` is an invalid command, to be answered by a copy.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = fields(line);
        let command = fields.next()?;
        let operands = [fields.next()?, fields.next()?, fields.next()?];
        if fields.next().is_some() {
            return None;
        }
        match command {
            b"IAMAT" => Iamat::parse(operands).map(Command::Iamat),
            b"WHATSAT" => Whatsat::parse(operands).map(Command::Whatsat),
            _ => None,
        }
    }
}

/// The fields of a line: what white space leaves.
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !is_white_space(*byte))?;
        let field = &rest[start..];
        let end = field_length(field);
        rest = &field[end..];
        Some(&field[..end])
    })
}

/// Where the field that `text` begins with ends. Eight bytes at a time are passed over if all of them are above the
/// space, as those of a field mostly are.
fn field_length(text: &[u8]) -> usize {
    let eights = text.as_chunks::<8>().0.iter().take_while(|eight| are_all_above_space(**eight)).count();
    let rest = &text[8 * eights..];
    8 * eights + rest.iter().position(|byte| is_white_space(*byte)).unwrap_or(rest.len())
}

/// A byte below 0x21 borrows from its own top bit when 0x21 is taken from each, unless that bit was set before.
fn are_all_above_space(eight: [u8; 8]) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let bytes = u64::from_ne_bytes(eight);
    bytes.wrapping_sub(0x21 * EACH) & !bytes & (0x80 * EACH) == 0
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C)
}

#[cfg(test)]
mod tests;
