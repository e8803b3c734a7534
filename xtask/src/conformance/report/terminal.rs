//! The report as text for a terminal.

use std::path::Path;

use herd::printable;

use super::excerpt::{excerpt, points};
use super::tally;
use super::{Report, RuleReport};
use crate::text::table;

/// The most bytes of one part of a failure.
const MOST_EXCERPT: usize = 400;

/// The width of a rule's name in a list.
const NAME: usize = 20;

/// Returns the line that a run shows for a rule: its verdict, its name, how long judging took, and
/// why it does not hold. The line is at most `width` characters, if that suffices for the name.
pub fn line(rule: &RuleReport, width: Option<usize>) -> String {
    let start = format!("{:<11}  {:<NAME$}  {:>5.1} s", rule.verdict, rule.rule, rule.seconds);
    let line = format!("{start}  {}", printable::line(rule.why.as_bytes()));
    let line = line.trim_end();
    let Some(width) = width.filter(|width| line.chars().count() > *width) else { return line.to_owned() };
    let cut: String = line.chars().take(width.max(start.chars().count() + 1) - 1).collect();
    cut.trim_end().to_owned() + "…"
}

/// Returns the end of a run: each counted rule that fails, the points by class, and where the
/// report is.
pub fn summary(report: &Report, folder: &Path) -> String {
    let mut text = String::new();
    let failures = report.rules.iter().filter(|rule| rule.class.counts() && rule.verdict == "fails");
    for rule in failures {
        text += &failure(rule);
        text.push('\n');
    }
    text += &table(&class_rows(report));
    let path = folder.join("report.html");
    text += &format!(
        "\n{}: {} of {} points\nThe report is in {}\n",
        printable::line(report.guest.as_bytes()),
        points(report.points),
        points(report.of),
        path.display(),
    );
    text
}

fn failure(rule: &RuleReport) -> String {
    let mut text = format!("{} fails: {}\n", rule.rule, printable::line(rule.why.as_bytes()));
    for (label, part) in rule.evidence() {
        let part = excerpt(part, MOST_EXCERPT).replace('\n', &format!("\n{:18}", ""));
        text += &format!("  {label:<14}  {}\n", part.trim_end());
    }
    if let Some(hint) = &rule.hint {
        text += &format!("  {:<14}  {}\n", "Hint", printable::line(hint.as_bytes()));
    }
    text
}

fn class_rows(report: &Report) -> Vec<[String; 6]> {
    let heading = ["CLASS", "HOLD", "FAIL", "CANNOT TELL", "NOT JUDGED", "POINTS"].map(str::to_owned);
    let rows = tally::by_class(report).into_iter().map(|tally| {
        let score = if tally.class.counts() {
            format!("{} of {}", points(tally.points), points(tally.of))
        } else {
            "never count".to_owned()
        };
        [
            tally.class.to_string(),
            tally.holds.to_string(),
            tally.fails.to_string(),
            tally.cannot_tell.to_string(),
            tally.not_judged.to_string(),
            score,
        ]
    });
    std::iter::once(heading).chain(rows).collect()
}
