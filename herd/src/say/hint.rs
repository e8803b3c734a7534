//! Why a node has refused a line, as far as its answer shows it.

use crate::message::{Command, Refusal, TOO_MANY_CONNECTIONS};
use crate::node::INVALID;
use crate::printable;

/// Where to look for a reason that the line does not show.
const WHERE: &str = "the log of the node (at the level debug) and herd_client_lines_refused_total say which";

/// Returns the hint for the line of an answer, given without its line end, if it is a refusal.
///
/// # Examples
/// ```
/// use herd::say::hint;
///
/// assert_eq!(
///     hint(b"? IAMAT kiwi +34.0-118.4 16..5").unwrap(),
///     "the time `16..5`: expected seconds since 1970, such as 1621464827.959498503"
/// );
/// assert_eq!(hint(b"AT Alford +0.000000001 kiwi +34.0-118.4 16"), None);
/// ```
pub fn hint(answer: &[u8]) -> Option<String> {
    let copy = answer.strip_prefix(INVALID)?;
    if answer == TOO_MANY_CONNECTIONS.trim_ascii_end() {
        return Some("the node has as many clients as it may (client_connections): try again later".into());
    }
    Some(match Command::parse(copy) {
        Err(refusal) => explained(refusal, copy),
        Ok(Command::Iamat(_)) => format!(
            "the line is well-formed, so its time is too far ahead of the clock of the node, that clock is far behind, or the node takes no new clients now: {WHERE}"
        ),
        Ok(Command::Whatsat(_)) => format!(
            "{}, was removed, or is in a shard whose nodes do not answer",
            explained(Refusal::UnknownClient, copy)
        ),
    })
}

/// Returns the hint for a line that is too long for a node.
pub(super) fn too_long() -> String {
    explained(Refusal::TooLong, b"")
}

fn explained(refusal: Refusal, line: &[u8]) -> String {
    printable::line(&refusal.explain(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_says_what_the_line_shows_and_where_to_look_for_the_rest() {
        for (answer, start) in [
            ("? ", "the line is empty"),
            ("? iamat kiwi +1+1 1", "the verb `iamat`: expected IAMAT or WHATSAT, in capitals"),
            ("? WHATSAT kiwi 51 1", "the radius `51`: "),
            ("? WHATSAT kiwi 1 1", "the client `kiwi` is unknown to the node, was removed, or is in a shard"),
            ("? IAMAT kiwi +1+1 99999999999", "the line is well-formed, so its time is too far ahead"),
            ("? too many connections", "the node has as many clients as it may"),
            ("? too many  connections", "the verb `too`"),
            ("? \u{1b}[2J", "the verb `\\u001b[2J`"),
        ] {
            let hint = hint(answer.as_bytes()).unwrap();
            assert!(hint.starts_with(start), "{answer}: {hint}");
        }
        for other in ["", "AT Alford +0.000000001 kiwi +1+1 1", "{", "?", "   \"status\" : \"OK\""] {
            assert_eq!(hint(other.as_bytes()), None, "{other}");
        }
    }
}
