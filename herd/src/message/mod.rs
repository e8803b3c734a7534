//! The language of clients and nodes, pure: it parses bytes and writes values, and does no I/O.
//!
//! A client sends one command per line and gets one answer per command:
//!
//! | line | meaning |
//! |---|---|
//! | `IAMAT <client-id> <latitude><longitude> <time>` | the client reports where it was, and when: [`Iamat`] |
//! | `WHATSAT <client-id> <radius> <bound>` | asks what is within `radius` kilometres of that client: [`Whatsat`] |
//! | `AT <server> <skew> <client-id> <location> <time>` | the answer to both, and what nodes flood: [`At`], [`Update`] |
//! | `? <line>` | the answer to anything else: a copy of the line, byte for byte |
//!
//! Values borrow the line that they were parsed from, because answers copy the client's bytes: no
//! number is parsed and printed again. White space is space, tab, CR, LF, form feed and vertical
//! tab; other spaces of Unicode are not. The rules are in `docs/src/reference/protocol.md`.

mod at;
mod client_id;
mod decimal;
mod forgotten;
mod http;
mod iamat;
mod lines;
mod link_line;
mod location;
mod refusal;
mod time;
#[cfg(feature = "otel")]
mod trace;
mod update;
mod whatsat;
mod windows;

pub use at::{At, is_node_name};
pub use client_id::{ClientId, LONGEST_CLIENT_ID};
pub(crate) use decimal::sixteen_digits;
pub use forgotten::Forgotten;
pub use http::begins_http;
pub use iamat::Iamat;
pub use lines::{Lines, Piece};
pub use link_line::{LinkLine, OLDEST_VERSION, VERSION, hex, words};
pub use location::Location;
pub use refusal::{Refusal, TOO_MANY_CONNECTIONS};
pub use time::{Skew, Stamp, Time};
#[cfg(feature = "otel")]
pub use trace::{Trace, TracedShare};
pub use update::{MOST_REMOVALS, Update};
pub use whatsat::Whatsat;
pub use windows::{LISTED, OriginWindow, list_sums, list_windows, sums_of_windows, windows};

/// The first word of a client's line, even if the rest is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The word `IAMAT`.
    Iamat,
    /// The word `WHATSAT`.
    Whatsat,
    /// Any other word, or none.
    Other,
}

impl Verb {
    /// Returns the verb of a line.
    pub fn of(line: &[u8]) -> Verb {
        match fields(line).next() {
            Some(b"IAMAT") => Verb::Iamat,
            Some(b"WHATSAT") => Verb::Whatsat,
            _ => Verb::Other,
        }
    }
}

/// A client's parsed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The client reports where it is.
    Iamat(Iamat<'a>),
    /// The client asks what is near a client.
    Whatsat(Whatsat<'a>),
}

impl<'a> Command<'a> {
    /// Parses a line without its line end.
    ///
    /// # Errors
    /// The line is an invalid command, for this reason. It is answered with a copy of the line.
    ///
    /// # Examples
    /// ```
    /// use herd::message::{Command, Refusal};
    ///
    /// let command = Command::parse(b"IAMAT kiwi.cs.ucla.edu +34.068930-118.445127 1621464827.5");
    /// assert!(matches!(command, Ok(Command::Iamat(_))));
    /// assert_eq!(Command::parse(b"WHATSAT kiwi.cs.ucla.edu 51 5"), Err(Refusal::Radius));
    /// ```
    pub fn parse(line: &'a [u8]) -> Result<Self, Refusal> {
        Command::parse_fields(line).map_err(|refusal| match begins_http(line) {
            true => Refusal::Http,
            false => refusal,
        })
    }

    fn parse_fields(line: &'a [u8]) -> Result<Self, Refusal> {
        let mut fields = fields(line);
        match fields.next() {
            Some(b"IAMAT") => Iamat::parse(line, operands(fields)?).map(Command::Iamat),
            Some(b"WHATSAT") => Whatsat::parse(operands(fields)?).map(Command::Whatsat),
            _ => Err(Refusal::Verb),
        }
    }

    /// Returns the client that reports, or that the question is about.
    pub fn client(&self) -> ClientId<'a> {
        match self {
            Command::Iamat(iamat) => iamat.client,
            Command::Whatsat(whatsat) => whatsat.client,
        }
    }
}

/// Returns the fields behind a verb, if their number is `N`.
fn operands<'a, const N: usize>(
    mut fields: impl Iterator<Item = &'a [u8]>,
) -> Result<[&'a [u8]; N], Refusal> {
    let mut operands = [&b""[..]; N];
    for operand in &mut operands {
        *operand = fields.next().ok_or(Refusal::Operands)?;
    }
    match fields.next() {
        None => Ok(operands),
        Some(_) => Err(Refusal::Operands),
    }
}

/// Returns the fields of a line, which white space separates.
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

/// Returns the length of the field at the start of `text`. Eight bytes at a time are skipped if all
/// of them are above the space character, as most bytes of a field are.
fn field_length(text: &[u8]) -> usize {
    let eights = text.as_chunks::<8>().0.iter().take_while(|eight| are_all_above_space(**eight)).count();
    let rest = &text[8 * eights..];
    8 * eights + rest.iter().position(|byte| is_white_space(*byte)).unwrap_or(rest.len())
}

/// Returns whether all eight bytes are 0x21 or more. A lower byte borrows from its top bit when
/// 0x21 is subtracted from each; bytes whose top bit is set count as above.
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
