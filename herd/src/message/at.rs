//! `AT <server> <skew> <client-id> <location> <time>`: what a node knows of a client, as clients and
//! neighbours see it.

use super::{Iamat, Skew};

/// An AT line, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<'a> {
    /// The whole line without its line end.
    pub line: &'a [u8],
    /// How much later than the client's time the server received the report.
    pub skew: Skew,
    /// The report.
    pub iamat: Iamat<'a>,
}

impl<'a> At<'a> {
    /// Understands a line without its line end, if it is exactly what a node writes: single spaces, no others.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ');
        let mut next = || fields.next();
        let word = next()?;
        let server = next()?;
        let skew = next()?;
        let operands = [next()?, next()?, next()?];
        if word != b"AT" || !is_node_name(server) || next().is_some() {
            return None;
        }
        Some(At { line, skew: Skew::parse(skew)?, iamat: Iamat::parse(operands)? })
    }

    /// Appends to `out` the AT line, without line end, of a report that `server` received with that skew.
    pub fn write(out: &mut Vec<u8>, server: &str, skew: Skew, iamat: &Iamat<'_>) {
        out.extend_from_slice(b"AT ");
        out.extend_from_slice(server.as_bytes());
        out.push(b' ');
        skew.write(out);
        for field in [iamat.client.as_bytes(), iamat.location.as_bytes(), iamat.stamp.as_bytes()] {
            out.push(b' ');
            out.extend_from_slice(field);
        }
    }
}

/// Whether `name` can name a node: 1 to 64 ASCII letters, digits, `_`, `-` or `.`, but neither `.` nor `..`, which
/// are folders: nodes' names become those of files.
pub fn is_node_name(name: &[u8]) -> bool {
    (1..=64).contains(&name.len())
        && !matches!(name, b"." | b"..")
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
