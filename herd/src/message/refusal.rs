//! Why a client's line is refused. The log, the hints of `say` and the metrics all take their words
//! from here, so they agree.

use strum::{EnumCount, IntoStaticStr, VariantArray};

use super::fields;

/// Why a line is answered with `? ` and a copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// The line begins with neither IAMAT nor WHATSAT.
    Verb,
    /// The verb does not have three operands.
    Operands,
    /// The client id is too long, or contains what an id may not.
    ClientId,
    /// The location is not two halves in degrees, or is not on Earth.
    Location,
    /// The time is not one, or is after the year 9999.
    Time,
    /// The radius is not a number of kilometres, or is too large.
    Radius,
    /// The bound is not a whole number, or is too large.
    Bound,
    /// The line begins an HTTP request.
    Http,
    /// The line is longer than [`line_bytes`](crate::node::Limits::line_bytes).
    TooLong,
    /// The time is more than [`max_future_skew`](crate::node::Limits::max_future_skew) ahead of the
    /// node's clock.
    FutureTime,
    /// The node's clock is behind the horizon: the report would be forgotten at once.
    ClockBehind,
    /// The client is new, and [`distinct_clients`](crate::node::Limits::distinct_clients) is
    /// reached.
    TableFull,
    /// The client is new, and [`memory_bytes`](crate::node::Limits::memory_bytes) is reached.
    MemoryFull,
    /// The client is new, and its connection or address has had as many new ones as it may in one
    /// second.
    NewIdRate,
    /// The node has no record of the client.
    UnknownClient,
    /// The node does not hold the client's shard, and no node that does has answered.
    Unanswered,
}

/// The answer to a client beyond [`client_connections`](crate::node::Limits::client_connections),
/// which comes before its first line.
pub const TOO_MANY_CONNECTIONS: &[u8] = b"? too many connections\n";

/// The most bytes of a field that an explanation shows.
const LONGEST_SHOWN: usize = 64;

impl Refusal {
    /// Returns the name of the reason, as in the label `reason` of metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the reason in words, with the field of `line` that is wrong. Bytes of the line are
    /// not escaped: show them as [`printable`](crate::printable) text.
    ///
    /// # Examples
    /// ```
    /// use herd::message::Command;
    ///
    /// let line = b"WHATSAT kiwi 10 many";
    /// let refusal = Command::parse(line).unwrap_err();
    /// assert_eq!(refusal.name(), "bound");
    /// assert_eq!(
    ///     refusal.explain(line),
    ///     b"the bound `many`: expected a whole number of places from 0 to 20"
    /// );
    /// ```
    pub fn explain(self, line: &[u8]) -> Vec<u8> {
        let (before, field, after) = self.words();
        let Some(field) = field else { return before.into() };
        let Some(shown) = fields(line).nth(field).map(shortened) else {
            return b"the line is empty: expected IAMAT or WHATSAT".into();
        };
        let dots: &[u8] = if shown.is_whole { b"" } else { b"..." };
        [before.as_bytes(), b" `", shown.bytes, dots, b"`", after.as_bytes()].concat()
    }

    /// Returns the words before the field that is wrong, the place of this field in the line, and
    /// the words after it. Only a line that is refused for its verb may lack the field.
    fn words(self) -> (&'static str, Option<usize>, &'static str) {
        match self {
            Refusal::Verb => ("the verb", Some(0), ": expected IAMAT or WHATSAT, in capitals"),
            Refusal::Operands => (
                "the number of operands: expected IAMAT <client-id> <latitude><longitude> <time>, or WHATSAT <client-id> <radius> <bound>",
                None,
                "",
            ),
            Refusal::ClientId => {
                ("the client id", Some(1), ": expected 1 to 255 bytes of UTF-8 without control characters")
            }
            Refusal::Location => (
                "the location",
                Some(2),
                ": expected a latitude up to 90 and a longitude up to 180, both with their sign, such as +34.068930-118.445127",
            ),
            Refusal::Time => {
                ("the time", Some(3), ": expected seconds since 1970, such as 1621464827.959498503")
            }
            Refusal::Radius => ("the radius", Some(2), ": expected kilometres from 0 to 50, such as 10"),
            Refusal::Bound => ("the bound", Some(3), ": expected a whole number of places from 0 to 20"),
            Refusal::Http => ("the line begins an HTTP request: expected IAMAT or WHATSAT", None, ""),
            Refusal::TooLong => ("the line is too long: it exceeds line_bytes", None, ""),
            Refusal::FutureTime => {
                ("the time", Some(3), " is further ahead of the clock of the node than max_future_skew")
            }
            Refusal::ClockBehind => (
                "the clock of the node is behind: the herd has forgotten all reports up to a later time",
                None,
                "",
            ),
            Refusal::TableFull => {
                ("the client", Some(1), " is new, and the table of clients is full (distinct_clients)")
            }
            Refusal::MemoryFull => {
                ("the client", Some(1), " is new, and the node uses all memory that it may (memory_bytes)")
            }
            Refusal::NewIdRate => (
                "the client",
                Some(1),
                " is new, and too many new ones come in one second (new_ids_per_connection, new_ids_per_address)",
            ),
            Refusal::UnknownClient => ("the client", Some(1), " is unknown to the node"),
            Refusal::Unanswered => {
                ("the client", Some(1), " is in a shard of other nodes, and none of them has answered")
            }
        }
    }
}

/// The start of a field.
struct Shown<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

/// Returns the start of a field, without a part of a character at its end.
fn shortened(field: &[u8]) -> Shown<'_> {
    let Some(next) = field.get(LONGEST_SHOWN) else { return Shown { bytes: field, is_whole: true } };
    let is_inside = |byte: &u8| byte & 0xC0 == 0x80;
    let mut end = LONGEST_SHOWN;
    if is_inside(next) {
        end = field[..end].iter().rposition(|byte| !is_inside(byte)).unwrap_or(end);
    }
    Shown { bytes: &field[..end], is_whole: false }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::*;

    fn explained(line: &str) -> String {
        let refusal = Command::parse(line.as_bytes()).unwrap_err();
        String::from_utf8(refusal.explain(line.as_bytes())).unwrap()
    }

    #[test]
    fn the_first_field_that_is_wrong_is_named_with_what_was_expected() {
        for (line, start) in [
            ("", "the line is empty: expected IAMAT or WHATSAT"),
            ("  \t", "the line is empty"),
            ("iamat kiwi +1+1 1", "the verb `iamat`: expected IAMAT or WHATSAT, in capitals"),
            ("AT Alford +0.000000001 kiwi +1+1 1", "the verb `AT`: expected IAMAT"),
            ("IAMAT kiwi +1 +1 1", "the number of operands: expected IAMAT <client-id> <lat"),
            ("IAMAT", "the number of operands: "),
            ("IAMAT ki\u{7f}wi +91+1 1", "the client id `ki\u{7f}wi`: expected 1 to 255 bytes"),
            ("IAMAT kiwi 34.0-118.4 x", "the location `34.0-118.4`: expected a latitude up to 90"),
            ("IAMAT kiwi +90.1-118.4 1", "the location `+90.1-118.4`: "),
            ("IAMAT kiwi +1+1 16..5", "the time `16..5`: expected seconds since 1970, such as 162"),
            ("IAMAT kiwi +1+1 1621464827959", "the time `1621464827959`: expected seconds"),
            ("WHATSAT kiwi 50.1 x", "the radius `50.1`: expected kilometres from 0 to 50"),
            ("WHATSAT kiwi 50 21", "the bound `21`: expected a whole number of places from 0 to 20"),
            ("GET / HTTP/1.1", "the line begins an HTTP request: expected IAMAT or WHATSAT"),
            ("IAMAT / HTTP/1.1", "the line begins an HTTP request"),
        ] {
            assert!(explained(line).starts_with(start), "{line}: {}", explained(line));
        }
    }

    #[test]
    fn a_long_field_is_cut_between_characters() {
        let long = "é".repeat(200);
        assert_eq!(
            explained(&long),
            format!("the verb `{}...`: expected IAMAT or WHATSAT, in capitals", "é".repeat(32))
        );
        let odd = format!("x{long}");
        assert!(explained(&odd).starts_with(&format!("the verb `x{}...`", "é".repeat(31))));
        // Bytes that are no characters are cut anywhere.
        assert_eq!(shortened(&[0x80; 100]).bytes.len(), LONGEST_SHOWN);
    }

    #[test]
    fn every_reason_has_a_name_and_words_that_the_log_shows_unescaped() {
        let line = b"WHATSAT kiwi 1 1";
        for refusal in Refusal::VARIANTS {
            let name = refusal.name();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            let words = refusal.explain(line);
            assert_eq!(words, words.escape_ascii().to_string().as_bytes());
        }
    }
}
