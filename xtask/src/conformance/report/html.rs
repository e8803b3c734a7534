//! The report as a page for people: `report.html`.

use maud::{Markup, html};

use super::excerpt::{excerpt, points};
use super::tally;
use super::{Report, RuleReport, page};

/// The most bytes of what was sent, of what should have come, and of what came.
const MOST_EXCERPT: usize = 8 * 1024;

/// The most bytes of a rule's transcript.
const MOST_TRANSCRIPT: usize = 64 * 1024;

/// The most bytes of the transcript of a rule that holds, which few people read.
const MOST_OF_HOLDING: usize = 4 * 1024;

/// The most bytes of a node's last words.
const MOST_LAST_WORDS: usize = 16 * 1024;

/// Returns the text of `report.html`.
pub(super) fn document(report: &Report) -> String {
    let guest = short(&report.guest);
    let of = |counts: bool, verdicts: &[&str]| -> Vec<&RuleReport> {
        let wanted =
            |rule: &&RuleReport| rule.class.counts() == counts && verdicts.contains(&rule.verdict.as_str());
        report.rules.iter().filter(wanted).collect()
    };
    let content = html! {
        header {
            p.kind { "Conformance report" }
            h1 { (guest) }
            (score(report))
        }
        main {
            (notes(report))
            (classes(report))
            (section("fails", "Rules that fail", &of(true, &["fails"]), true))
            (section("open", "Rules without a verdict", &of(true, &["cannot tell", "not judged"]), false))
            (section("holds", "Rules that hold", &of(true, &["holds"]), false))
            (section(
                "beyond",
                "Beyond the assignment: these never count",
                &of(false, &["fails", "cannot tell", "not judged", "holds"]),
                false,
            ))
        }
        footer { p { "Judged by the conformance suite " (short(&report.suite)) "." } }
    };
    page::page(&format!("{guest}: conformance report"), &content)
}

fn score(report: &Report) -> Markup {
    let (got, of) = (points(report.points), points(report.of));
    html! {
        p.score { b { (got) } " of " (of) " points" }
        @if report.of > 0.0 {
            meter min="0" max=(report.of) value=(report.points) aria-label="Points" { (got) " of " (of) }
        }
        p.facts {
            "Graph " b { (short(&report.graph)) } ", " (report.rules.len()) " rules, "
            (format!("{:.1}", report.seconds)) " seconds"
        }
    }
}

fn notes(report: &Report) -> Markup {
    html! {
        @if !report.notes.is_empty() {
            section aria-label="Notes on the run" {
                ul.notes { @for note in &report.notes { li { (short(note)) } } }
            }
        }
    }
}

fn classes(report: &Report) -> Markup {
    let or_dash = |count: usize| if count == 0 { "–".to_owned() } else { count.to_string() };
    html! {
        table {
            caption { "Rules by class" }
            thead {
                tr {
                    th scope="col" { "Class" }
                    @for heading in ["Hold", "Fail", "No verdict", "Points"] { th.number scope="col" { (heading) } }
                }
            }
            tbody {
                @for tally in tally::by_class(report) {
                    tr {
                        th scope="row" { (tally.class.to_string()) }
                        td.number { (or_dash(tally.holds)) }
                        td.number.failing[tally.fails > 0 && tally.class.counts()] { (or_dash(tally.fails)) }
                        td.number { (or_dash(tally.cannot_tell + tally.not_judged)) }
                        td.number {
                            @if tally.class.counts() { (points(tally.points)) " of " (points(tally.of)) }
                            @else { "–" }
                        }
                    }
                }
            }
        }
    }
}

fn section(id: &str, heading: &str, rules: &[&RuleReport], open: bool) -> Markup {
    html! {
        @if !rules.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (heading) " " span.count { "(" (rules.len()) ")" } }
                @for rule in rules { (rule_details(rule, open)) }
            }
        }
    }
}

fn rule_details(rule: &RuleReport, open: bool) -> Markup {
    html! {
        details.rule id=(format!("rule-{}", rule.rule)) open[open] {
            summary {
                span.verdict.(rule.verdict.replace(' ', "-")) { (rule.verdict) }
                " " span.name { (rule.rule) }
                @if !rule.why.is_empty() { " " span.brief { (short(&rule.why)) } }
                @if rule.of > 0.0 { " " span.points { (points(rule.points)) " of " (points(rule.of)) } }
            }
            p.text { (prose(&rule.text)) }
            @if !rule.why.is_empty() { p.why { (prose(&rule.why)) } }
            @if let Some(hint) = &rule.hint { p.hint { b { "Hint: " } (prose(hint)) } }
            @if rule.verdict == "fails" {
                dl {
                    @for (label, part) in rule.evidence() {
                        dt { (label) }
                        dd { pre { (excerpt(part, MOST_EXCERPT)) } }
                    }
                }
            }
            @for (node, words) in &rule.last_words {
                details.more {
                    summary { "Last output of " (short(node)) }
                    pre tabindex="0" { (excerpt(words, MOST_LAST_WORDS)) }
                }
            }
            (transcript(rule))
            p.facts { (rule.class.to_string()) ", " (format!("{:.1}", rule.seconds)) " seconds" }
        }
    }
}

fn transcript(rule: &RuleReport) -> Markup {
    let most = if rule.verdict == "holds" { MOST_OF_HOLDING } else { MOST_TRANSCRIPT };
    html! {
        @if !rule.transcript.is_empty() {
            details.more {
                summary { "Transcript" }
                @if rule.transcript.len() > most {
                    p { "The whole of it is in " code { "transcripts/" (rule.rule) ".txt" } "." }
                }
                pre tabindex="0" { (excerpt(&rule.transcript, most)) }
            }
        }
    }
}

/// Returns a sentence whose parts between back quotes are code.
fn prose(text: &str) -> Markup {
    let text = short(text);
    let parts: Vec<&str> = text.split('`').collect();
    let is_paired = parts.len() % 2 == 1;
    html! {
        @if is_paired {
            @for (index, part) in parts.iter().enumerate() {
                @if index % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text) }
    }
}

/// Returns a sentence or a name, cut if it is far longer than one should be.
fn short(text: &str) -> String {
    excerpt(text, 2048)
}
