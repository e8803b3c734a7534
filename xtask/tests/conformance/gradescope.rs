//! `results.json`, held against the specification of Gradescope's autograders: the types here have
//! its fields and no others.

#![allow(dead_code, reason = "fields are there to be parsed")]

use serde::Deserialize;
use serde_json::Value;

use crate::sample::file;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Results {
    /// May be missing if each test has a score. Reports always have it.
    score: f64,
    execution_time: Option<f64>,
    output: Option<String>,
    output_format: Option<Format>,
    test_output_format: Option<Format>,
    test_name_format: Option<Format>,
    visibility: Option<Visibility>,
    stdout_visibility: Option<Visibility>,
    extra_data: Option<Value>,
    tests: Vec<Test>,
    leaderboard: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    score: Option<f64>,
    max_score: Option<f64>,
    status: Option<Status>,
    name: Option<String>,
    name_format: Option<Format>,
    number: Option<String>,
    output: Option<String>,
    output_format: Option<Format>,
    tags: Option<Vec<String>>,
    visibility: Option<Visibility>,
    extra_data: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    value: NumberOrText,
    order: Option<Order>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(f64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Text,
    Html,
    #[serde(rename = "simple_format")]
    Simple,
    Md,
    Ansi,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Visibility {
    Hidden,
    AfterDueDate,
    AfterPublished,
    Visible,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Passed,
    Failed,
}

#[test]
fn results_json_follows_the_specification() {
    let results: Results = serde_json::from_str(&file("results-json", "results.json")).unwrap();
    assert_eq!(results.score, 1.0);
    let of = |name: &str| {
        let test = results.tests.iter().find(|test| test.name.as_deref() == Some(name)).unwrap();
        (test.status.as_ref(), test.score, test.max_score)
    };
    assert_eq!(of("starts"), (Some(&Status::Passed), Some(1.0), Some(1.0)));
    assert_eq!(of("iamat-skew"), (Some(&Status::Failed), Some(0.0), Some(2.5)));
    // The guest's own fault hides this rule.
    assert_eq!(of("pipelined"), (Some(&Status::Failed), Some(0.0), Some(1.0)));
    assert_eq!(of("places-radius"), (None, None, None));
    assert_eq!(of("iamat-strict (never counts)"), (Some(&Status::Failed), None, None));
    assert_eq!(results.tests.iter().filter_map(|test| test.score).sum::<f64>(), results.score);
    let numbers: Vec<_> = results.tests.iter().map(|test| test.number.as_deref().unwrap()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn outputs_are_short_and_visible() {
    let results: Results = serde_json::from_str(&file("results-output", "results.json")).unwrap();
    let output = results.tests.last().unwrap().output.as_deref().unwrap();
    assert!(output.contains("Hint: </pre><script>") && output.contains("bytes are left out here"));
    assert!(!output.contains(['\x1b', '\0', '\r']) && output.len() < 10_000, "{output}");
}
