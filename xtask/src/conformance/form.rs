//! The form in which a guest answers at all. The judge finds it first, and asks everything else in
//! it, so that only the rules about the form itself suffer from a guest that is choosy.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::case::{Case, Judged};
use super::client::Connection;

/// How a command is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Whether commands end with CR LF rather than LF.
    pub crlf: bool,
    /// Whether the sending side must be closed before an answer comes.
    pub half_close: bool,
    /// Whether the node closes the connection after one command.
    pub one_command: bool,
}

impl Form {
    /// The forms that are tried, in order. Whether a connection takes a second command is found out
    /// afterwards.
    pub const TRIED: [Form; 4] = [
        Form { crlf: false, half_close: false, one_command: false },
        Form { crlf: true, half_close: false, one_command: false },
        Form { crlf: false, half_close: true, one_command: true },
        Form { crlf: true, half_close: true, one_command: true },
    ];

    /// Returns the bytes that end a command.
    pub fn line_end(self) -> &'static [u8] {
        if self.crlf { b"\r\n" } else { b"\n" }
    }

    /// Sends a command, and closes the sending side if the guest waits for that.
    pub fn send(self, connection: &mut Connection, command: &[u8], within: Duration) {
        connection.send(&[command, self.line_end()].concat(), within);
        if self.half_close {
            connection.end_sending();
        }
    }
}

impl fmt::Display for Form {
    /// Completes the sentence "The guest answers commands that ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "end with {}", if self.crlf { "CR LF" } else { "LF" })?;
        match self {
            Form { half_close: true, .. } => write!(f, ", once the client has closed its sending side"),
            Form { one_command: true, .. } => write!(f, ", one for each connection"),
            _ => Ok(()),
        }
    }
}

/// Returns what nodes send before a command is sent. If the first one sends nothing, none does.
pub(super) fn banners(case: &mut Case<'_>) -> BTreeMap<String, Vec<u8>> {
    let mut banners = BTreeMap::new();
    for node in case.nodes() {
        let Ok(mut connection) = case.connect_only(&node) else { break };
        connection.read_until(|_| false, case.quiet(), Some(case.quiet()));
        if connection.received.is_empty() {
            break;
        }
        banners.insert(node, connection.received);
    }
    banners
}

/// Returns whether the node closes a connection after its first command.
///
/// # Errors
/// The node does not accept the connection.
pub(super) fn closes(case: &mut Case<'_>) -> Judged<bool> {
    let node = case.first();
    let mut connection = case.connect(&node)?;
    for _ in 0..2 {
        let report = case.report();
        case.form.send(&mut connection, report.command().as_bytes(), case.answer_within());
        let answer = case.read(&mut connection, b"IAMAT", case.answer_within());
        if answer.is_empty() && answer.ended.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
