//! Prints the answers of a node, and hints about those that are refusals.

use std::io::{self, Write};

use super::Tally;
use super::hint::{hint, too_long};
use crate::message::TOO_MANY_CONNECTIONS;
use crate::node::INVALID;
use crate::printable::lines;

/// The most hints for one node. Further refusals are only counted.
const MOST_HINTS: u64 = 20;

/// The longest line that is kept until its end arrives. Places of 20 results have about 100 KB.
const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// Prints answers as they arrive.
pub(super) struct Printer<'a> {
    out: &'a mut dyn Write,
    hints: &'a mut dyn Write,
    /// Whether control characters are escaped, since `out` is a terminal.
    escapes: bool,
    /// The start of a line whose end has not been received yet.
    incomplete: Vec<u8>,
    /// What the node is to copy of a line that is too long for it.
    start_of_long: Option<Vec<u8>>,
    /// Whether places have begun that end with an empty line.
    is_in_places: bool,
    /// What has been sent and answered.
    pub(super) tally: Tally,
}

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, escapes: bool, hints: &'a mut dyn Write) -> Printer<'a> {
        let tally = Tally::default();
        Printer {
            out,
            hints,
            escapes,
            incomplete: Vec::new(),
            start_of_long: None,
            is_in_places: false,
            tally,
        }
    }

    /// Notes a line that was sent and is probably too long, of which the node copies `start`.
    pub(super) fn note_long(&mut self, start: &[u8]) {
        self.start_of_long.get_or_insert_with(|| start.into());
    }

    /// Prints the whole lines of what has arrived, each refusal followed by its hint.
    ///
    /// # Errors
    /// The answers cannot be written.
    pub(super) fn print(&mut self, arrived: &[u8]) -> io::Result<()> {
        self.incomplete.extend_from_slice(arrived);
        let bytes = std::mem::take(&mut self.incomplete);
        let mut rest = &bytes[..];
        let mut unwritten = rest;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end + 1);
            rest = behind;
            // A node that is full says so before it reads a line.
            let is_full = line == TOO_MANY_CONNECTIONS && self.tally.answers == 0;
            let is_answer = line.starts_with(b"AT ") || line.starts_with(INVALID) && !is_full;
            self.is_in_places = line != b"\n" && (self.is_in_places || line.starts_with(b"{"));
            self.tally.answers += u64::from(is_answer);
            if line.starts_with(INVALID) {
                self.write(&unwritten[..unwritten.len() - rest.len()])?;
                unwritten = rest;
                self.note_refusal(&line[..end]);
            }
        }
        let whole = unwritten.len() - rest.len();
        self.write(&unwritten[..whole])?;
        if rest.len() > LONGEST_LINE {
            return self.write(rest);
        }
        self.incomplete = rest.to_vec();
        Ok(())
    }

    /// Returns whether what has arrived ends with the end of an answer.
    pub(super) fn is_whole(&self) -> bool {
        self.incomplete.is_empty() && !self.is_in_places
    }

    /// Prints the last line, if it has no line end, and the number of refusals without a hint.
    ///
    /// # Errors
    /// The answers cannot be written.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let last = std::mem::take(&mut self.incomplete);
        self.write(&last)?;
        let more = self.tally.refusals.saturating_sub(MOST_HINTS);
        if more > 0 {
            self.hint(&format!("{more} more lines were refused"));
        }
        Ok(())
    }

    fn note_refusal(&mut self, line: &[u8]) {
        self.tally.refusals += 1;
        if self.tally.refusals > MOST_HINTS {
            return;
        }
        let is_long = self.start_of_long.as_deref().is_some_and(|start| line[INVALID.len()..] == *start);
        if let Some(text) = if is_long { Some(too_long()) } else { hint(line) } {
            self.hint(&text);
        }
    }

    /// Prints a hint. An error does not matter: the answer counts.
    fn hint(&mut self, text: &str) {
        let _ = writeln!(self.hints, "hint: {text}").and_then(|()| self.hints.flush());
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.escapes {
            self.out.write_all(lines(bytes).as_bytes())?;
        } else {
            self.out.write_all(bytes)?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prints answers that arrive in these pieces. Returns what is printed, the hints, and the
    /// numbers of answers and refusals.
    fn printed(pieces: &[&[u8]], escapes: bool) -> (String, String, (u64, u64)) {
        let (mut out, mut hints) = (Vec::new(), Vec::new());
        let mut printer = Printer::new(&mut out, escapes, &mut hints);
        pieces.iter().for_each(|piece| printer.print(piece).unwrap());
        printer.finish().unwrap();
        let Tally { answers, refusals, .. } = printer.tally;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(out), text(hints), (answers, refusals))
    }

    #[test]
    fn answers_are_counted_and_refusals_explained_however_they_arrive() {
        let answers =
            b"AT Alford +0.000000001 kiwi +1+1 1\n{\n}\n\n? x\nAT Alford +0.000000001 kiwi +1+1 1\n";
        for size in [1, 7, answers.len()] {
            let pieces: Vec<&[u8]> = answers.chunks(size).collect();
            let (out, hints, counts) = printed(&pieces, false);
            assert_eq!(out.as_bytes(), answers);
            assert_eq!(hints, "hint: the verb `x`: expected IAMAT or WHATSAT, in capitals\n");
            assert_eq!(counts, (3, 1));
        }
    }

    #[test]
    fn an_answer_is_whole_at_its_end_and_a_full_node_has_answered_nothing() {
        let (mut out, mut hints) = (Vec::new(), Vec::new());
        let mut printer = Printer::new(&mut out, false, &mut hints);
        for (arrived, is_whole) in [
            (&b"AT Alford +0.000000001 kiwi +1+1 1\n"[..], true),
            (b"{\n   \"status\" : \"OK\"\n", false),
            (b"}\n", false),
            (b"\n", true),
            (b"? x", false),
            (b"\n", true),
        ] {
            printer.print(arrived).unwrap();
            assert_eq!(printer.is_whole(), is_whole, "{arrived:?}");
        }
        let (_, hints, counts) = printed(&[TOO_MANY_CONNECTIONS], false);
        assert_eq!(counts, (0, 1));
        assert!(hints.contains("client_connections"), "{hints}");
    }

    #[test]
    fn a_terminal_gets_no_control_characters_and_an_unfinished_line_is_printed() {
        let (out, hints, counts) = printed(&[b"? \x1b[2J\nAT Alf", b"ord"], true);
        assert_eq!(out, "? \\u001b[2J\nAT Alford");
        assert_eq!(counts, (1, 1));
        assert!(hints.contains("`\\u001b[2J`"), "{hints}");
    }

    #[test]
    fn hints_are_bounded_and_the_rest_is_counted() {
        let (_, hints, counts) = printed(&[&b"? x\n".repeat(1000)], false);
        assert_eq!(counts, (1000, 1000));
        assert_eq!(hints.lines().count(), 21);
        assert!(hints.ends_with("hint: 980 more lines were refused\n"), "{hints}");
    }

    #[test]
    fn a_line_that_is_too_long_for_the_node_is_known_by_its_start() {
        let (mut out, mut hints) = (Vec::new(), Vec::new());
        let mut printer = Printer::new(&mut out, false, &mut hints);
        printer.note_long(b"IAMAT kiwi +1");
        printer.print(b"? IAMAT kiwi +1\n").unwrap();
        assert_eq!(String::from_utf8(hints).unwrap(), "hint: the line is too long: it exceeds line_bytes\n");
    }
}
