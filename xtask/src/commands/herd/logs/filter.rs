//! Which lines of logs are printed.

use herd::printable;
use regex::Regex;

/// Which lines of logs to print: those that meet every condition.
#[derive(Clone, Debug, Default)]
pub(super) struct LineFilter {
    /// The earliest time, in the log's format.
    pub(super) since: Option<String>,
    /// The id of a client that the line must name.
    pub(super) client: Option<String>,
    /// An expression that must match the line.
    pub(super) pattern: Option<Regex>,
}

impl LineFilter {
    /// Returns whether lines are chosen by what they say, and not by their time alone.
    pub(super) fn is_of_text(&self) -> bool {
        self.client.is_some() || self.pattern.is_some()
    }

    /// Returns whether to print a line that has this time. The time is empty if neither the line
    /// nor one before has a time, as in a peer's log; such a line may be new.
    pub(super) fn accepts(&self, time: &str, line: &str) -> bool {
        self.since.as_deref().is_none_or(|since| time.is_empty() || time >= since)
            && self.client.as_deref().is_none_or(|client| names_client(line, client))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(line))
    }
}

/// How the log shows the white space, other than spaces, that may separate the fields of a command:
/// tab, CR, vertical tab and form feed.
const WHITE_SPACE: [&str; 4] = ["\\t", "\\r", "\\u000b", "\\u000c"];

/// Returns whether a line has a client's id as a whole word, as lines of clients and links have.
fn names_client(line: &str, client: &str) -> bool {
    // The log shows control characters as escapes.
    let id = printable::line(client.as_bytes());
    if id.is_empty() {
        return false;
    }
    let begins_with_space = |text: &&str| WHITE_SPACE.iter().any(|escape| text.starts_with(escape));
    // JSON doubles the backslash.
    let ends_word = |text: &str| {
        text.is_empty()
            || text.starts_with([' ', '"', ','])
            || [text, text.strip_prefix('\\').unwrap_or_default()].iter().any(begins_with_space)
    };
    let begins_word = |text: &str| {
        text.is_empty()
            || text.ends_with([' ', '"', '='])
            || WHITE_SPACE.iter().any(|escape| text.ends_with(escape))
    };
    line.match_indices(&*id).any(|(at, id)| begins_word(&line[..at]) && ends_word(&line[at + id.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_its_whole_id() {
        for line in [
            "2026-01-01T00:00:00.000000Z DEBUG received peer=127.0.0.1:1 line=IAMAT kiwi +1+1 1",
            "2026-01-01T00:00:00.000000Z DEBUG heard from=\"Parker\" line=AT Alford +0.2 kiwi +1+1 1",
            "2026-01-01T00:00:00.000000Z DEBUG received peer=127.0.0.1:1 line=WHATSAT kiwi 10 1",
            "2026-01-01T00:00:00.000000Z  INFO client removed client=\"kiwi\"",
            "{\"timestamp\":\"2026-01-01T00:00:00.000000Z\",\"fields\":{\"line\":\"WHATSAT kiwi 10 1\"}}",
        ] {
            assert!(names_client(line, "kiwi"), "{line}");
            for other in ["kiw", "iwi", "k.wi", "", "kiwi.cs.ucla.edu"] {
                assert!(!names_client(line, other), "{other} in {line}");
            }
        }
        for space in ["\t", "\r", "\x0b", "\x0c", " \t "] {
            let command = format!("IAMAT{space}kiwi{space}+1+1{space}1");
            let line = format!("received line={}", printable::line(command.as_bytes()));
            let json = serde_json::json!({ "line": line }).to_string();
            for line in [line, json] {
                assert!(names_client(&line, "kiwi") && !names_client(&line, "iwi"), "{line}");
            }
        }
        assert!(!names_client("line=IAMAT kiwi.cs.ucla.edu +1+1 1", "kiwi"));
        assert!(names_client("line=IAMAT kiwi.cs.ucla.edu +1+1 1", "kiwi.cs.ucla.edu"));
        assert!(names_client("line=IAMAT \\u202eiwik +1+1 1", "\u{202e}iwik"));
    }

    #[test]
    fn a_line_must_meet_every_condition() {
        let filter = LineFilter {
            since: Some("2026-01-01T00:00:02".to_owned()),
            client: Some("kiwi".to_owned()),
            pattern: Some(Regex::new("IAMAT|WHATSAT").unwrap()),
        };
        for (second, line, accepted) in [
            (3, "line=IAMAT kiwi +1+1 1", true),
            (1, "line=IAMAT kiwi +1+1 1", false),
            (3, "line=IAMAT plum +1+1 1", false),
            (3, "line=AT Alford +1.0 kiwi +1+1 1", false),
        ] {
            let time = format!("2026-01-01T00:00:{second:02}.000000Z");
            assert_eq!(filter.accepts(&time, line), accepted, "{second} {line}");
        }
        assert!(filter.accepts("", "line=IAMAT kiwi +1+1 1"), "a line without a time");
        assert!(LineFilter::default().accepts("", "anything"));
    }
}
