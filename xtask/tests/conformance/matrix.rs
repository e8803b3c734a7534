//! The table of a class.

use std::fs;
use std::path::Path;

use fixtures::checkout::scratch;
use xtask::conformance::matrix::{Row, write_matrix};
use xtask::conformance::rules::RULES;

use crate::html::check_page;
use crate::sample::{HOSTILE, report};

fn rows(folder: &Path) -> Vec<Row> {
    let row = |name: &str, result| Row { name: name.to_owned(), folder: folder.join(name), result };
    vec![
        row("001-my, \"herd\"", Ok(report())),
        row("002-#1 & <b>/..", Ok(report())),
        row("=HYPERLINK(\"https://example.org\")", Err(HOSTILE.to_owned())),
    ]
}

#[test]
fn the_table_for_spreadsheets_has_a_row_for_each_guest() {
    let folder = scratch("matrix-csv");
    write_matrix(&rows(&folder), &folder).unwrap();
    let mut table = csv::Reader::from_path(folder.join("matrix.csv")).unwrap();
    let heading = table.headers().unwrap().clone();
    assert_eq!(heading.len(), 5 + RULES.len());
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    let column = |name: &str| heading.iter().position(|heading| heading == name).unwrap();
    assert_eq!(&rows[0][0], "001-my, \"herd\"");
    assert_eq!((&rows[0][1], &rows[0][2], &rows[0][3]), ("1", "5.5", "41.2"));
    assert_eq!(&rows[0][column("iamat-skew")], "fails");
    assert_eq!(&rows[0][column("stops")], "");
    assert_eq!(&rows[2][0], "'=HYPERLINK(\"https://example.org\")");
    assert!(rows[2][column("not judged because")].contains("<script>"));
    let text = fs::read_to_string(folder.join("matrix.csv")).unwrap();
    assert!(!text.contains(['\x1b', '\0']));
}

#[test]
fn the_page_shows_every_guest_and_links_to_its_report() {
    let folder = scratch("matrix-html");
    write_matrix(&rows(&folder), &folder).unwrap();
    let page = fs::read_to_string(folder.join("matrix.html")).unwrap();
    check_page(&page);
    assert!(page.contains("href=\"001-my%2C%20%22herd%22/report.html#rule-iamat-skew\""));
    assert!(page.contains("002-#1 &amp; &lt;b&gt;/.."));
    assert!(page.contains("Not judged: &lt;/pre&gt;"));
    assert!(page.contains("3 guests") && page.contains("2 judged, 1 not judged"));
}
