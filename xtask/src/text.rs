//! Printing for people: a reader that has gone away is no failure.

use std::array::from_fn;
use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Result;
use terminal_size::{Width, terminal_size_of};

/// The width of a terminal that does not tell it.
const USUAL_WIDTH: usize = 80;

/// Between two columns.
const GAP: &str = "  ";

/// Writes `text` to standard output.
///
/// # Errors
/// It cannot be written, for another reason than that nobody reads any more.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// How wide standard output is: as `COLUMNS` says, or else the terminal. `None` for a file or a pipe.
pub fn width() -> Option<usize> {
    let out = io::stdout();
    let terminal = out.is_terminal().then(|| terminal_size_of(out).map(|(Width(width), _)| width.into()));
    chosen_width(env::var("COLUMNS").ok().as_deref(), terminal)
}

/// `terminal` is the terminal's width if it tells it, or `None` without a terminal.
fn chosen_width(columns: Option<&str>, terminal: Option<Option<usize>>) -> Option<usize> {
    let columns = columns.and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    columns.or(terminal.map(|width| width.unwrap_or(USUAL_WIDTH)))
}

/// Lays out rows in columns two spaces apart.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    fitted_table(rows, &[], None)
}

/// The same, no wider than `width` if possible: columns are left out, the first of `spare` first, until the rest fits.
pub fn fitted_table<const N: usize>(rows: &[[String; N]], spare: &[usize], width: Option<usize>) -> String {
    let widths: [usize; N] =
        from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut kept: Vec<usize> = (0..N).collect();
    for column in spare {
        let needed: usize = kept.iter().map(|column| widths[*column] + GAP.len()).sum();
        if width.is_none_or(|width| needed <= width + GAP.len()) {
            break;
        }
        kept.retain(|kept| kept != column);
    }
    let mut text = String::new();
    for row in rows {
        let cells = kept.iter().map(|column| format!("{:<width$}", row[*column], width = widths[*column]));
        text += cells.collect::<Vec<_>>().join(GAP).trim_end();
        text.push('\n');
    }
    text
}

/// For text in SVG and HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_before_the_terminal_and_a_pipe_has_no_width() {
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

    #[test]
    fn spare_columns_are_left_out_until_the_rest_fits() {
        let rows = [["NODE", "PATH", "UP"], ["a", "/a/long/path", "1s"]].map(|row| row.map(str::to_owned));
        let fitted = |width| fitted_table(&rows, &[1, 2], width);
        let whole = "NODE  PATH          UP\na     /a/long/path  1s\n";
        assert_eq!(fitted(None), whole);
        assert_eq!(fitted(Some(22)), whole);
        assert_eq!(fitted(Some(21)), "NODE  UP\na     1s\n");
        assert_eq!(fitted(Some(8)), "NODE  UP\na     1s\n");
        assert_eq!(fitted(Some(7)), "NODE\na\n");
        assert_eq!(fitted(Some(1)), "NODE\na\n");
    }
}
