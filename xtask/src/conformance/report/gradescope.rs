//! The report as Gradescope reads it: `results.json`.

use anyhow::Result;
use serde::Serialize;

use super::excerpt::excerpt;
use super::{Report, RuleReport};

/// The most bytes of what was sent, of what should have come and of what came.
const MOST_EXCERPT: usize = 2048;

/// The file.
#[derive(Serialize)]
struct Results {
    score: f64,
    execution_time: f64,
    output: String,
    output_format: &'static str,
    test_output_format: &'static str,
    test_name_format: &'static str,
    visibility: &'static str,
    /// What the suite prints repeats the tests, and may name files of the grader.
    stdout_visibility: &'static str,
    tests: Vec<Test>,
    leaderboard: Vec<Entry>,
}

/// One rule. Without a status and a score, Gradescope shows it as neither passed nor failed.
#[derive(Serialize)]
struct Test {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    name: String,
    number: String,
    output: String,
    output_format: &'static str,
    tags: Vec<String>,
    visibility: &'static str,
}

/// A column of the leaderboard. Gradescope shows it only if the assignment has a leaderboard.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'static str>,
}

/// Returns the text of `results.json`.
pub(super) fn results(report: &Report) -> Result<String> {
    let kept = report.rules.iter().filter(|rule| rule.class.counts() && rule.verdict == "holds").count();
    let results = Results {
        score: report.points,
        execution_time: report.seconds,
        output: report.notes.iter().map(|note| excerpt(note, MOST_EXCERPT) + "\n").collect(),
        output_format: "text",
        test_output_format: "text",
        test_name_format: "text",
        visibility: "visible",
        stdout_visibility: "hidden",
        tests: report.rules.iter().enumerate().map(|(index, rule)| test(index, rule)).collect(),
        leaderboard: vec![
            Entry { name: "Points", value: report.points, order: None },
            Entry { name: "Rules kept", value: kept as f64, order: None },
            Entry { name: "Seconds", value: report.seconds, order: Some("asc") },
        ],
    };
    Ok(serde_json::to_string_pretty(&results)? + "\n")
}

fn test(index: usize, rule: &RuleReport) -> Test {
    let has_points = rule.of > 0.0;
    let status = match rule.verdict.as_str() {
        "holds" => Some("passed"),
        "fails" => Some("failed"),
        _ => has_points.then_some("failed"),
    };
    Test {
        score: has_points.then_some(rule.points),
        max_score: has_points.then_some(rule.of),
        status,
        name: if rule.class.counts() { rule.rule.clone() } else { format!("{} (never counts)", rule.rule) },
        number: (index + 1).to_string(),
        output: output(rule),
        output_format: "text",
        tags: vec![rule.class.to_string()],
        visibility: "visible",
    }
}

/// What a student reads: the rule, and what is wrong.
fn output(rule: &RuleReport) -> String {
    let mut text = format!("{}\n", rule.text);
    if rule.verdict != "holds" {
        text += &format!("\n{}: {}\n", rule.verdict, excerpt(&rule.why, MOST_EXCERPT));
    }
    if let Some(hint) = &rule.hint {
        text += &format!("Hint: {}\n", excerpt(hint, MOST_EXCERPT));
    }
    for (label, part) in rule.evidence() {
        text += &format!("\n{label}:\n{}\n", excerpt(part, MOST_EXCERPT));
    }
    text
}
