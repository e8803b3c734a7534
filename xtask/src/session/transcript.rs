//! The transcript of a session: each line sent and each answer, exact to the byte except for values
//! that depend on the clock.

use std::collections::BTreeMap;

use fixtures::escape::escape;

/// The transcript of a session, which grows as the session is played.
#[derive(Debug, Default)]
pub struct Transcript {
    text: String,
    /// The session's line that caused each line of the text.
    causes: Vec<usize>,
    /// The session's line that is being played.
    playing: usize,
    /// The distinct skews in the order of their first appearance. The text shows a skew's number.
    skews: Vec<String>,
    /// Times of the clock, and the symbols that are shown in their place.
    stamps: BTreeMap<String, String>,
}

/// The first difference between a transcript and the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The session's line that caused it.
    pub line: usize,
    /// The expected line of the transcript; `None` if the expected transcript ends before it.
    pub expected: Option<String>,
    /// The actual line; `None` if the transcript ends before it.
    pub came: Option<String>,
}

impl Transcript {
    /// Sets the session's line that causes the lines added from now on.
    pub(super) fn play(&mut self, line: usize) {
        self.playing = line;
    }

    /// Shows the time `stamp` as `symbol` from now on.
    pub(super) fn name_stamp(&mut self, stamp: String, symbol: String) {
        self.stamps.insert(stamp, symbol);
    }

    /// Adds a line that a client sent.
    pub(super) fn sent_line(&mut self, connection: &str, line: &[u8]) {
        let line = self.symbolic(&escape(line));
        self.event(&format!("{connection} <- {line}"));
    }

    /// Adds bytes that a client sent which are not one complete line.
    pub(super) fn sent_bytes(&mut self, connection: &str, bytes: &[u8]) {
        let bytes = self.symbolic(&escape(bytes));
        self.event(&format!("{connection} <- \"{bytes}\""));
    }

    /// Adds an answer line by line. Marks a missing line end.
    pub(super) fn answer(&mut self, connection: &str, answer: &[u8]) {
        for line in answer.split_inclusive(|&byte| byte == b'\n') {
            let (line, end) = match line.strip_suffix(b"\n") {
                Some(line) => (line, ""),
                None => (line, " (no line end)"),
            };
            let line = self.without_skew(line);
            let line = self.symbolic(&line);
            self.event(&format!("{connection} -> {line}{end}"));
        }
    }

    /// Adds a line about another event.
    pub(super) fn event(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
        self.causes.push(self.playing);
    }

    /// The whole transcript.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Finds the first line that differs from the expected transcript. Returns `None` if there is
    /// no such line, or if this transcript is empty.
    pub fn first_difference(&self, expected: &str) -> Option<Difference> {
        let (mut lines, mut expected) = (self.text.lines(), expected.lines());
        for &line in &self.causes {
            let (came, expected) = (lines.next(), expected.next());
            if came != expected {
                let [expected, came] = [expected, came].map(|text| text.map(str::to_owned));
                return Some(Difference { line, expected, came });
            }
        }
        // The transcript is a beginning of the expected one.
        let (expected, &line) = (expected.next()?.to_owned(), self.causes.last()?);
        Some(Difference { line, expected: Some(expected), came: None })
    }

    /// Replaces the skew of an AT line by its sign and number. Other lines stay as they are.
    fn without_skew(&mut self, line: &[u8]) -> String {
        let fields: Vec<&[u8]> = line.splitn(4, |&byte| byte == b' ').collect();
        let [b"AT", server, skew, rest] = fields.as_slice() else { return escape(line) };
        let Some(sign) = skew_sign(skew) else { return escape(line) };
        let skew = escape(skew);
        let known = self.skews.iter().position(|other| *other == skew);
        let number = known.unwrap_or_else(|| {
            self.skews.push(skew);
            self.skews.len() - 1
        });
        format!("AT {} {sign}<skew {}> {}", escape(server), number + 1, escape(rest))
    }

    fn symbolic(&self, line: &str) -> String {
        self.stamps.iter().fold(line.to_owned(), |line, (stamp, symbol)| line.replace(stamp, symbol))
    }
}

/// The sign of a valid skew: a sign, digits, a point, nine digits. `None` if it is not valid.
fn skew_sign(skew: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(skew).ok()?;
    let (whole, fraction) = text.get(1..)?.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let sign = text.chars().next().filter(|sign| ['+', '-'].contains(sign))?;
    let valid = digits(whole) && digits(fraction) && fraction.len() == 9;
    valid.then_some(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_skews_have_equal_numbers_and_keep_their_sign() {
        let mut transcript = Transcript::default();
        for skew in ["+1.000000000", "-2.000000000", "+1.000000000", "1.000000000", "+1.0"] {
            transcript.answer("A", format!("AT Alford {skew} k +1-1 5\n").as_bytes());
        }
        let expected = "A -> AT Alford +<skew 1> k +1-1 5\nA -> AT Alford -<skew 2> k +1-1 5\nA -> AT Alford +<skew 1> k +1-1 5\n\
            A -> AT Alford 1.000000000 k +1-1 5\nA -> AT Alford +1.0 k +1-1 5\n";
        assert_eq!(transcript.text(), expected);
    }

    #[test]
    fn spaces_at_line_ends_and_missing_line_ends_are_seen() {
        let mut transcript = Transcript::default();
        transcript.answer("A", b"   \"results\" : \n\n? x");
        assert_eq!(transcript.text(), "A ->    \"results\" :\\x20\nA ->\nA -> ? x (no line end)\n");
    }

    #[test]
    fn times_of_the_clock_are_shown_by_name() {
        let mut transcript = Transcript::default();
        transcript.name_stamp("1800000000.5".to_owned(), "{now+1}".to_owned());
        transcript.sent_line("A", b"IAMAT k +1-1 1800000000.5");
        assert_eq!(transcript.text(), "A <- IAMAT k +1-1 {now+1}\n");
    }

    #[test]
    fn the_first_difference_is_told_by_the_line_of_the_session() {
        let mut transcript = Transcript::default();
        transcript.play(3);
        transcript.sent_line("A", b"x");
        transcript.answer("A", b"? x\n");
        transcript.play(7);
        transcript.event("A: stopped");
        let whole = "A <- x\nA -> ? x\nA: stopped\n";
        let differs = |line, expected: &str, came: &str| {
            let [expected, came] = [expected, came].map(|text| (!text.is_empty()).then(|| text.to_owned()));
            Some(Difference { line, expected, came })
        };
        for (expected, difference) in [
            (whole.to_owned(), None),
            (whole.replace("? x", "? y"), differs(3, "A -> ? y", "A -> ? x")),
            (whole.replace("stopped", "killed"), differs(7, "A: killed", "A: stopped")),
            ("A <- x\nA -> ? x\n".to_owned(), differs(7, "", "A: stopped")),
            (format!("{whole}more\n"), differs(7, "more", "")),
            (String::new(), differs(3, "", "A <- x")),
        ] {
            assert_eq!(transcript.first_difference(&expected), difference, "{expected}");
        }
    }
}
