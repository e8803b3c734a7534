//! How lines of logs are shown: as they are, or on a terminal.

use herd::printable;

use super::merge::{Entry, TIME};

/// Lines for another program: whole, with the node's name before each where there are several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) with_names: bool,
}

impl Plain {
    pub(super) fn show(self, Entry { node, line, .. }: &Entry) -> String {
        if self.with_names { format!("{node}: {line}\n") } else { format!("{line}\n") }
    }
}

/// Lines for a terminal: the time without its date, which stands on a line of its own when it changes; then the node's
/// name, so that those of all nodes stand in one column; then the event. A line that is too wide goes on indented,
/// since the beginnings of lines are what a reader goes by.
#[derive(Debug)]
pub(super) struct Screen {
    /// How wide the names are; `None` for the log of one node.
    names: Option<usize>,
    columns: Option<usize>,
    date: String,
}

/// How much of a time is its date, and where its milliseconds end.
const DATE: usize = "2026-01-01".len();
const MILLISECONDS: usize = "2026-01-01T00:00:00.000".len();

/// What stands before the rest of a line that is too wide.
const INDENT: usize = "00:00:00.000   ".len();

/// Less than this is not worth breaking lines for.
const NARROWEST: usize = 2 * INDENT;

impl Screen {
    /// For the logs of the nodes named; none is named for the log of one.
    pub(super) fn new(names: &[&str], columns: Option<usize>) -> Screen {
        let names = names.iter().map(|name| name.chars().count()).max();
        Screen { names, columns: columns.filter(|columns| *columns >= NARROWEST), date: String::new() }
    }

    pub(super) fn show(&mut self, Entry { node, time, line }: &Entry) -> String {
        let mut shown = String::new();
        if let Some(date) = time.get(..DATE).filter(|date| *date != self.date) {
            date.clone_into(&mut self.date);
            shown += &format!("{date} (UTC)\n");
        }
        let time = time.get(DATE + 1..MILLISECONDS).unwrap_or_default();
        let name = self.names.map_or(String::new(), |width| format!("{node:width$} "));
        let event = if line.starts_with(|first: char| first.is_ascii_digit()) {
            line.get(TIME.len() + 1..).unwrap_or(line)
        } else {
            line
        };
        let whole = format!("{time} {name}{}", printable::line(event.as_bytes()));
        shown + &self.broken(&whole)
    }

    /// A line broken to the width of the terminal, between words where it can be.
    fn broken(&self, line: &str) -> String {
        let Some(columns) = self.columns else { return format!("{line}\n") };
        let (mut text, mut rest, mut indent) = (String::new(), line, 0);
        loop {
            text += &" ".repeat(indent);
            let room = columns - indent;
            let Some((end, _)) = rest.char_indices().nth(room) else { return text + rest + "\n" };
            // A space that just fits the margin ends the line, too.
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

    fn entry(node: &str, line: &str) -> Entry {
        let time = line.get(..TIME.len()).unwrap_or_default().to_owned();
        Entry { node: node.to_owned(), time, line: line.to_owned() }
    }

    fn screen(columns: usize) -> String {
        let mut screen = Screen::new(&["Alford", "Hamilton", "Parker"], Some(columns));
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
        lines.map(|(node, line)| screen.show(&entry(node, line))).concat()
    }

    #[test]
    fn lines_too_wide_for_80_columns_go_on_indented() {
        let text = screen(80);
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
        insta::assert_snapshot!(screen(160), @r#"
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
        let mut screen = Screen::new(&[], Some(40));
        let line = format!("2026-11-28T00:00:00.000000Z DEBUG said line=SUMS {}", "0123456789".repeat(20));
        let shown = screen.show(&entry("Alford", &line));
        assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
        let kept: String = shown.lines().skip(1).map(str::trim).collect();
        assert!(kept.ends_with(&"0123456789".repeat(20)), "{shown}");
    }

    #[test]
    fn without_a_known_width_lines_are_left_to_the_terminal() {
        let mut screen = Screen::new(&[], None);
        let line = format!("2026-11-28T00:00:00.000000Z DEBUG {}", "word ".repeat(100).trim_end());
        assert_eq!(screen.show(&entry("Alford", &line)).lines().count(), 2);
    }

    #[test]
    fn for_a_pipe_lines_stay_as_they_are() {
        let entry = entry("Alford", "2026-11-28T00:00:00.000000Z  INFO link up");
        let line = format!("{}\n", entry.line);
        assert_eq!(Plain { with_names: true }.show(&entry), format!("Alford: {line}"));
        assert_eq!(Plain { with_names: false }.show(&entry), line);
    }
}
