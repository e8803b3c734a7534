//! The results of a class of guests as a table: a row for each guest, a column for each rule.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::report::excerpt::{excerpt, points};
use super::report::page;
use super::report::write::write;
use super::report::{Report, RuleReport};
use super::rules::{RULES, Rule};
use super::verdict::Class;

/// The most bytes of a sentence in a cell.
const MOST_SENTENCE: usize = 500;

/// The characters of a file's name that are escaped in an address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// One guest of a class.
#[derive(Clone, Debug)]
pub struct Row {
    /// The guest's name in the class.
    pub name: String,
    /// The folder of the guest's report.
    pub folder: PathBuf,
    /// The report, or why there is none.
    pub result: Result<Report, String>,
}

/// Writes `matrix.html` and `matrix.csv`. Creates the folder. Each file is replaced as a whole.
///
/// # Errors
/// A file cannot be written.
pub fn write_matrix(rows: &[Row], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    write(&folder.join("matrix.csv"), &csv_text(rows)?)?;
    write(&folder.join("matrix.html"), &page_text(rows, folder))
}

/// Returns the file for spreadsheets.
fn csv_text(rows: &[Row]) -> Result<String> {
    let mut file = csv::Writer::from_writer(Vec::new());
    let heading = ["guest", "points", "of", "seconds", "not judged because"];
    file.write_record(heading.into_iter().chain(RULES.iter().map(|rule| rule.name)))?;
    for row in rows {
        let [got, of, seconds, reason] = match &row.result {
            Ok(report) => {
                [points(report.points), points(report.of), format!("{:.1}", report.seconds), String::new()]
            }
            Err(reason) => [String::new(), String::new(), String::new(), text_cell(reason)],
        };
        file.write_field(text_cell(&row.name))?;
        for field in [got, of, seconds, reason] {
            file.write_field(field)?;
        }
        for rule in RULES {
            file.write_field(find(row, rule).map_or("", |found| found.verdict.as_str()))?;
        }
        file.write_record(None::<&[u8]>)?;
    }
    Ok(String::from_utf8(file.into_inner()?)?)
}

/// Returns text that spreadsheets do not run: they take a cell that begins with one of these
/// characters for a formula.
fn text_cell(text: &str) -> String {
    let text = excerpt(text, MOST_SENTENCE);
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '|', '%']);
    if is_formula { format!("'{text}") } else { text }
}

/// Returns what the report of a guest says about a rule.
fn find<'a>(row: &'a Row, rule: &Rule) -> Option<&'a RuleReport> {
    row.result.as_ref().ok()?.rules.iter().find(|found| found.rule == rule.name)
}

/// Returns the page for people.
fn page_text(rows: &[Row], folder: &Path) -> String {
    let judged = rows.iter().filter(|row| row.result.is_ok()).count();
    let content = html! {
        header {
            p.kind { "Conformance reports" }
            h1 { (rows.len()) " guests" }
            p.facts { (judged) " judged, " (rows.len() - judged) " not judged" }
            p.facts {
                @for verdict in ["holds", "fails", "cannot tell", "not judged"] {
                    span.legend.(class_name(verdict)) { b { (sign(verdict)) } " " (verdict) } " "
                }
            }
        }
        main {
            div.scroll tabindex="0" role="region" aria-label="Guests and rules" {
                table.matrix {
                    (heading())
                    tbody { @for row in rows { (guest(row, folder)) } }
                    tfoot {
                        tr {
                            th.guest scope="row" { "Guests that keep the rule" }
                            td { }
                            @for rule in columns() { td.number { (keepers(rows, &rule)) } }
                        }
                    }
                }
            }
        }
    };
    page::page("Conformance reports", &content)
}

fn heading() -> Markup {
    html! {
        thead {
            tr {
                th.guest rowspan="2" scope="col" { "Guest" }
                th.number rowspan="2" scope="col" { "Points" }
                @for run in columns().chunk_by(|one, other| one.class == other.class) {
                    th.class colspan=(run.len()) scope="colgroup" { (run[0].class.to_string()) }
                }
            }
            tr { @for rule in columns() { th.upright scope="col" title=(rule.text) { span { (rule.name) } } } }
        }
    }
}

/// Returns the rules in the order of the columns: by class, and else as they are listed.
fn columns() -> Vec<Rule> {
    let mut columns = RULES.to_vec();
    columns.sort_by_key(|rule| rule.class);
    columns
}

fn guest(row: &Row, folder: &Path) -> Markup {
    let href = href(&row.folder, folder);
    let name = excerpt(&row.name, MOST_SENTENCE);
    html! {
        tr {
            @match &row.result {
                Ok(report) => {
                    th.guest scope="row" { a href=(href) { (name) } }
                    td.number { (points(report.points)) " of " (points(report.of)) }
                    @for rule in columns() { (cell(find(row, &rule), &href)) }
                }
                Err(reason) => {
                    th.guest scope="row" { (name) }
                    td.number { "–" }
                    td.reason colspan=(RULES.len()) { "Not judged: " (excerpt(reason, MOST_SENTENCE)) }
                }
            }
        }
    }
}

fn cell(rule: Option<&RuleReport>, href: &str) -> Markup {
    let Some(rule) = rule else { return html! { td.cell { } } };
    let never_counts = rule.class == Class::Beyond;
    let sign = sign(&rule.verdict);
    html! {
        td.cell.(class_name(&rule.verdict)).beyond[never_counts] {
            @if rule.verdict == "holds" {
                span role="img" aria-label="holds" { (sign) }
            } @else {
                a href=(format!("{href}#rule-{}", rule.rule)) aria-label=(rule.verdict)
                    title=(excerpt(&rule.why, MOST_SENTENCE)) { (sign) }
            }
        }
    }
}

/// Returns the sign for a verdict, so that nobody has to tell colours apart.
fn sign(verdict: &str) -> &'static str {
    match verdict {
        "holds" => "✓",
        "fails" => "✗",
        "cannot tell" => "?",
        _ => "–",
    }
}

fn class_name(verdict: &str) -> String {
    verdict.replace(' ', "-")
}

/// Returns how many guests keep a rule.
fn keepers(rows: &[Row], rule: &Rule) -> usize {
    rows.iter().filter(|row| find(row, rule).is_some_and(|found| found.verdict == "holds")).count()
}

/// Returns the address of a guest's report, relative to the folder of the matrix.
fn href(report: &Path, folder: &Path) -> String {
    let relative = report.strip_prefix(folder).unwrap_or(report).join("report.html");
    let parts = relative.iter().map(|part| {
        let part = part.to_string_lossy();
        if part == "/" { String::new() } else { utf8_percent_encode(&part, ESCAPED).to_string() }
    });
    parts.collect::<Vec<_>>().join("/")
}
