//! Formats of log lines: unchanged for other programs, or wrapped for a terminal.

use herd::printable;

use super::merge::{LogLine, TIME};

/// The format for another program: the whole line, after the node's name if there are several
/// nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainLines {
    pub(super) with_names: bool,
}

impl PlainLines {
    pub(super) fn format_line(self, LogLine { node, line, .. }: &LogLine) -> String {
        if self.with_names { format!("{node}: {line}\n") } else { format!("{line}\n") }
    }
}

/// The format for a terminal: the time of day, the node's name in a column, and the event. A new
/// date is shown on its own line. A line that is too wide is wrapped and indented, so that the
/// first column has only times.
#[derive(Debug)]
pub(super) struct TerminalLines {
    /// The width of the column of names; `None` for the log of one node.
    name_width: Option<usize>,
    /// The width of the terminal; `None` if lines are not wrapped.
    columns: Option<usize>,
    /// The date that was shown last.
    date: String,
}

/// The length of the date in a time.
const DATE: usize = "2026-01-01".len();

/// The end of the milliseconds in a time.
const MILLISECONDS: usize = "2026-01-01T00:00:00.000".len();

/// The indentation of the continuation of a line.
const INDENT: usize = "00:00:00.000   ".len();

/// The smallest width of a terminal that lines are wrapped for.
const NARROWEST: usize = 2 * INDENT;

impl TerminalLines {
    /// Returns the format for the logs of the named nodes. Without names, lines have no node names.
    pub(super) fn new(names: &[&str], columns: Option<usize>) -> TerminalLines {
        let name_width = names.iter().map(|name| name.chars().count()).max();
        let columns = columns.filter(|columns| *columns >= NARROWEST);
        TerminalLines { name_width, columns, date: String::new() }
    }

    pub(super) fn format_line(&mut self, LogLine { node, time, line }: &LogLine) -> String {
        let mut shown = String::new();
        if let Some(date) = time.get(..DATE).filter(|date| *date != self.date) {
            date.clone_into(&mut self.date);
            shown += &format!("{date} (UTC)\n");
        }
        let time = time.get(DATE + 1..MILLISECONDS).unwrap_or_default();
        let name = self.name_width.map_or(String::new(), |width| format!("{node:width$} "));
        let event = if line.starts_with(|first: char| first.is_ascii_digit()) {
            line.get(TIME.len() + 1..).unwrap_or(line)
        } else {
            line
        };
        let whole = format!("{time} {name}{}", printable::line(event.as_bytes()));
        shown + &self.wrap_line(&whole)
    }

    /// Wraps a line to the width of the terminal, between words if possible.
    fn wrap_line(&self, line: &str) -> String {
        let Some(columns) = self.columns else { return format!("{line}\n") };
        let (mut text, mut rest, mut indent) = (String::new(), line, 0);
        loop {
            text += &" ".repeat(indent);
            let room = columns - indent;
            let Some((end, _)) = rest.char_indices().nth(room) else { return text + rest + "\n" };
            // A space in the first column beyond the margin can end the line, too.
            let space = rest[..=end].rfind(' ').filter(|space| *space > room / 2);
            let end = space.unwrap_or(end);
            text += rest[..end].trim_end();
            text.push('\n');
            rest = rest[end..].trim_start();
            indent = INDENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_line(node: &str, line: &str) -> LogLine {
        let time = line.get(..TIME.len()).unwrap_or_default().to_owned();
        LogLine { node: node.to_owned(), time, line: line.to_owned() }
    }

    fn formatted(columns: usize) -> String {
        let mut format = TerminalLines::new(&["Alford", "Hamilton", "Parker"], Some(columns));
        let lines = [
            (
                "Alford",
                "2026-11-28T23:59:58.120034Z  INFO node started name=\"Alford\" clients=127.0.0.1:12480",
            ),
            (
                "Hamilton",
                "2026-11-28T23:59:58.351200Z DEBUG heard from=\"Parker\" line=AT Alford +0.263873386 kiwi.cs.ucla.edu +34.068930-118.445127 1520023934.918963997",
            ),
            (
                "Parker",
                "2026-11-29T00:00:00.000001Z  INFO link down neighbour=\"Hamilton\" peer=\"127.0.0.1:39326\" reason=\"connection lost\"",
            ),
            (
                "Parker",
                "2026-11-29T00:00:01.500000Z  WARN no link peer=\"127.0.0.1:39330\" reason=\"it does not speak TLS\"",
            ),
        ];
        lines.map(|(node, line)| format.format_line(&log_line(node, line))).concat()
    }

    #[test]
    fn lines_too_wide_for_80_columns_are_wrapped_and_indented() {
        let text = formatted(80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r#"
        2026-11-28 (UTC)
        23:59:58.120 Alford    INFO node started name="Alford" clients=127.0.0.1:12480
        23:59:58.351 Hamilton DEBUG heard from="Parker" line=AT Alford +0.263873386
                       kiwi.cs.ucla.edu +34.068930-118.445127 1520023934.918963997
        2026-11-29 (UTC)
        00:00:00.000 Parker    INFO link down neighbour="Hamilton"
                       peer="127.0.0.1:39326" reason="connection lost"
        00:00:01.500 Parker    WARN no link peer="127.0.0.1:39330" reason="it does not
                       speak TLS"
        "#);
    }

    #[test]
    fn lines_of_160_columns() {
        insta::assert_snapshot!(formatted(160), @r#"
        2026-11-28 (UTC)
        23:59:58.120 Alford    INFO node started name="Alford" clients=127.0.0.1:12480
        23:59:58.351 Hamilton DEBUG heard from="Parker" line=AT Alford +0.263873386 kiwi.cs.ucla.edu +34.068930-118.445127 1520023934.918963997
        2026-11-29 (UTC)
        00:00:00.000 Parker    INFO link down neighbour="Hamilton" peer="127.0.0.1:39326" reason="connection lost"
        00:00:01.500 Parker    WARN no link peer="127.0.0.1:39330" reason="it does not speak TLS"
        "#);
    }

    #[test]
    fn words_wider_than_the_terminal_are_broken_and_nothing_is_lost() {
        let mut format = TerminalLines::new(&[], Some(40));
        let line = format!("2026-11-28T00:00:00.000000Z DEBUG said line=SUMS {}", "0123456789".repeat(20));
        let shown = format.format_line(&log_line("Alford", &line));
        assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
        let kept: String = shown.lines().skip(1).map(str::trim).collect();
        assert!(kept.ends_with(&"0123456789".repeat(20)), "{shown}");
    }

    #[test]
    fn lines_are_not_wrapped_for_an_unknown_width() {
        let mut format = TerminalLines::new(&[], None);
        let line = format!("2026-11-28T00:00:00.000000Z DEBUG {}", "word ".repeat(100).trim_end());
        assert_eq!(format.format_line(&log_line("Alford", &line)).lines().count(), 2);
    }

    #[test]
    fn lines_for_a_pipe_are_unchanged() {
        let log_line = log_line("Alford", "2026-11-28T00:00:00.000000Z  INFO link up");
        let line = format!("{}\n", log_line.line);
        assert_eq!(PlainLines { with_names: true }.format_line(&log_line), format!("Alford: {line}"));
        assert_eq!(PlainLines { with_names: false }.format_line(&log_line), line);
    }
}
