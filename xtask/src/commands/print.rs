//! Standard output and standard error. A closed pipe is not an error.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Result;
use terminal_size::{Width, terminal_size_of};

/// The width, in columns, of a terminal that does not report its own.
const USUAL_WIDTH: usize = 80;

/// Writes `text` to standard output.
///
/// # Errors
/// Standard output cannot be written, for a reason other than a closed pipe.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Returns the width of standard output in columns: `COLUMNS` if it is set, else the width of the
/// terminal. `None` for a file or a pipe.
pub(super) fn output_width() -> Option<usize> {
    let out = io::stdout();
    let terminal = out.is_terminal().then(|| terminal_size_of(out).map(|(Width(width), _)| width.into()));
    chosen_width(env::var("COLUMNS").ok().as_deref(), terminal)
}

/// Chooses the width. `terminal` is `None` without a terminal, and `Some(None)` if the terminal
/// does not report its width.
fn chosen_width(columns: Option<&str>, terminal: Option<Option<usize>>) -> Option<usize> {
    let columns = columns.and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    columns.or(terminal.map(|width| width.unwrap_or(USUAL_WIDTH)))
}

/// Writes a line about the progress of a long command to standard error, and ignores a closed pipe.
pub(super) fn print_progress(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes a line about a build that goes on to standard error, unless that is a terminal, where
/// cargo shows its own progress.
pub(super) fn print_waiting(line: &str) {
    if !io::stderr().is_terminal() {
        print_progress(line);
    }
}

/// Writes a line of progress over the previous one, if standard error is a terminal.
pub(super) fn overwrite_progress(line: &str) {
    let mut terminal = io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\r{line}\x1b[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_counts_before_the_terminal_and_a_pipe_has_no_width() {
        for (columns, terminal, width) in [
            (Some("100"), Some(Some(80)), Some(100)),
            (Some("100"), None, Some(100)),
            (None, Some(Some(132)), Some(132)),
            (None, Some(None), Some(80)),
            (Some(""), Some(Some(132)), Some(132)),
            (Some("0"), Some(None), Some(80)),
            (Some("wide"), None, None),
            (None, None, None),
        ] {
            assert_eq!(chosen_width(columns, terminal), width, "{columns:?} {terminal:?}");
        }
    }
}
