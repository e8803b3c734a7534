//! `AT <server> <skew> <client-id> <location> <time>`: a report as nodes keep it, and as clients
//! and neighbours see it.

use super::{Iamat, Skew};

/// A parsed AT line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<'a> {
    /// The whole line without its line end.
    pub line: &'a [u8],
    /// The time from the client's time to the time when the server received the report.
    pub skew: Skew,
    /// The client's report.
    pub iamat: Iamat<'a>,
}

impl<'a> At<'a> {
    /// Returns the window of the report. Windows divide the time at which nodes receive reports, by
    /// their clocks, into pieces of 67 ms (2^26 ns). Every node can tell a report's window from its
    /// line, so two neighbours can compare what they know of one.
    pub fn window(&self) -> u64 {
        self.skew.window(self.iamat.stamp.time())
    }

    /// Parses a line without its line end. Returns `None` unless it is exactly what a node writes,
    /// with single spaces.
    ///
    /// # Examples
    /// ```
    /// use herd::message::At;
    ///
    /// let at = At::parse(b"AT Alford +0.263873386 kiwi +34.068930-118.445127 1621464827");
    /// assert_eq!(at.unwrap().iamat.client.as_bytes(), b"kiwi");
    /// ```
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
        Some(At { line, skew: Skew::parse(skew)?, iamat: Iamat::parse(line, operands).ok()? })
    }

    /// Returns the name of the server that received the report.
    pub fn server(&self) -> &'a [u8] {
        let behind = &self.line[b"AT ".len()..];
        &behind[..memchr::memchr(b' ', behind).unwrap_or_default()]
    }

    /// Returns the line from its skew on.
    pub(crate) fn skew_onwards(&self) -> &'a [u8] {
        &self.line[b"AT  ".len() + self.server().len()..]
    }

    /// Returns the length of the skew.
    pub(crate) fn skew_length(&self) -> usize {
        self.skew_onwards().len() - self.location_onwards().len() - self.iamat.client.as_bytes().len() - 2
    }

    /// Returns the line from its location on.
    pub(crate) fn location_onwards(&self) -> &'a [u8] {
        let Iamat { location, stamp, .. } = self.iamat;
        &self.line[self.line.len() - location.as_bytes().len() - stamp.as_bytes().len() - 1..]
    }

    /// Appends to `out` the AT line, without line end, of a report that `server` received with this
    /// skew.
    pub fn write(out: &mut Vec<u8>, server: &str, skew: Skew, iamat: &Iamat<'_>) {
        out.extend_from_slice(b"AT ");
        out.extend_from_slice(server.as_bytes());
        out.push(b' ');
        skew.write(out);
        iamat.write(out);
    }
}

/// Returns whether a node may have this name: 1 to 64 ASCII letters, digits, `_`, `-` or `.`,
/// except `.` and `..`, because names of nodes become names of files.
pub fn is_node_name(name: &[u8]) -> bool {
    (1..=64).contains(&name.len())
        && !matches!(name, b"." | b"..")
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
