//! The report as readers of JUnit's XML take it, such as Jenkins and actions of GitHub.
//!
//! Each class is a test suite, and each rule a test. Only rules that count can fail; others, and
//! rules that could not be judged, are skipped tests with a reason.

use maud::{Markup, PreEscaped, html};

use super::excerpt::excerpt;
use super::tally::{self, Tally};
use super::{Report, RuleReport};

/// The most bytes of one part of a failure.
const MOST_EXCERPT: usize = 4096;

/// The most bytes of a transcript.
const MOST_TRANSCRIPT: usize = 16 * 1024;

/// Returns the text of `junit.xml`.
pub(super) fn document(report: &Report) -> String {
    let failures = report.rules.iter().filter(|rule| is_failure(rule)).count();
    let suites = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites
            name=(visible(&report.guest, MOST_EXCERPT)) tests=(report.rules.len()) failures=(failures) errors="0"
            time=(seconds(report.seconds)) {
            @for tally in tally::by_class(report) {
                (suite(report, &tally))
            }
        }
    };
    suites.into_string() + "\n"
}

fn suite(report: &Report, tally: &Tally) -> Markup {
    let rules: Vec<&RuleReport> = report.rules.iter().filter(|rule| rule.class == tally.class).collect();
    let failures = rules.iter().filter(|rule| is_failure(rule)).count();
    let passed = rules.iter().filter(|rule| rule.verdict == "holds").count();
    let time = rules.iter().map(|rule| rule.seconds).sum();
    html! {
        testsuite
            name=(tally.class.to_string()) tests=(rules.len()) failures=(failures) errors="0"
            skipped=(rules.len() - failures - passed) time=(seconds(time)) {
            @for rule in rules {
                testcase classname=(format!("conformance.{}", rule.class)) name=(rule.rule) time=(seconds(rule.seconds)) {
                    (outcome(rule))
                }
            }
        }
    }
}

fn outcome(rule: &RuleReport) -> Markup {
    let why = visible(&rule.why, MOST_EXCERPT);
    html! {
        @if is_failure(rule) {
            failure type=(rule.rule) message=(why) { (details(rule)) }
        } @else if rule.verdict == "fails" {
            skipped message=(format!("fails, but never counts: {why}")) { }
        } @else if rule.verdict != "holds" {
            skipped message=(format!("{}: {why}", rule.verdict)) { }
        }
        @if !rule.transcript.is_empty() && rule.verdict != "holds" {
            system-out { (visible(&rule.transcript, MOST_TRANSCRIPT)) }
        }
        @if !rule.last_words.is_empty() {
            system-err {
                @for (node, words) in &rule.last_words {
                    (visible(node, MOST_EXCERPT)) ":\n" (visible(words, MOST_EXCERPT)) "\n"
                }
            }
        }
    }
}

fn is_failure(rule: &RuleReport) -> bool {
    rule.class.counts() && rule.verdict == "fails"
}

fn details(rule: &RuleReport) -> String {
    let mut text = format!("{}\n{}\n", rule.text, visible(&rule.why, MOST_EXCERPT));
    if let Some(hint) = &rule.hint {
        text += &format!("Hint: {}\n", visible(hint, MOST_EXCERPT));
    }
    for (label, part) in rule.evidence() {
        text += &format!("{label}: {}\n", visible(part, MOST_EXCERPT));
    }
    text
}

/// Makes text visible and fit for XML, which has no way to write some characters.
fn visible(text: &str, most: usize) -> String {
    excerpt(text, most).replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// Formats seconds as readers of JUnit's XML expect them.
fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}
