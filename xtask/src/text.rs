//! Tables in plain text, and escapes for HTML.

use std::array::from_fn;

/// The space between two columns.
const GAP: &str = "  ";

/// Formats rows, which have equally many cells, as a table with two spaces between columns.
pub fn table<R: AsRef<[String]>>(rows: &[R]) -> String {
    let columns = rows.first().map_or(0, |row| row.as_ref().len());
    let widths: Vec<usize> = (0..columns).map(|column| width_of(rows, column)).collect();
    join_columns(rows, &(0..columns).collect::<Vec<_>>(), &widths)
}

/// Formats rows as [`table`] does, at most `width` characters wide if possible. `spare` has the
/// indices of the columns that may be left out: they go in this order until the others fit.
pub fn fitted_table<const N: usize>(rows: &[[String; N]], spare: &[usize], width: Option<usize>) -> String {
    let widths: [usize; N] = from_fn(|column| width_of(rows, column));
    let mut kept: Vec<usize> = (0..N).collect();
    for column in spare {
        let needed: usize = kept.iter().map(|column| widths[*column] + GAP.len()).sum();
        if width.is_none_or(|width| needed <= width + GAP.len()) {
            break;
        }
        kept.retain(|kept| kept != column);
    }
    join_columns(rows, &kept, &widths)
}

/// The width of the widest cell of a column, in characters.
fn width_of(rows: &[impl AsRef<[String]>], column: usize) -> usize {
    rows.iter().map(|row| row.as_ref()[column].chars().count()).max().unwrap_or(0)
}

fn join_columns(rows: &[impl AsRef<[String]>], kept: &[usize], widths: &[usize]) -> String {
    let mut text = String::new();
    for row in rows {
        let row = row.as_ref();
        let cells = kept.iter().map(|column| format!("{:<width$}", row[*column], width = widths[*column]));
        text += cells.collect::<Vec<_>>().join(GAP).trim_end();
        text.push('\n');
    }
    text
}

/// Returns `text` with `&`, `<` and `>` escaped for SVG and HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

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
