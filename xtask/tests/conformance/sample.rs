//! A report on a guest that tries to be markup, a command for a terminal, and a formula.

use std::fs;
use std::path::PathBuf;

use fixtures::checkout::scratch;
use xtask::conformance::report::{Report, RuleReport, write_all};
use xtask::conformance::rules;
use xtask::conformance::verdict::{Failure, Verdict};

/// Bytes that no format may pass on as they are.
pub(crate) const HOSTILE: &str =
    "</pre><script>alert('1')</script>]]>&amp; \"q\" \x1b[2J\0\u{202e}\u{ffff}\r\n=1+1";

/// Returns a report with each verdict, in counted classes and beyond.
pub(crate) fn report() -> Report {
    let fails = |why: &str, hint: Option<&str>| {
        Verdict::Fails(Box::new(Failure {
            why: why.to_owned(),
            hint: hint.map(str::to_owned),
            sent: "IAMAT kiwi.example.org +34.068930-118.445127 1780000000.123456789\\n".to_owned(),
            expected: "AT Goloman +<skew> kiwi.example.org +34.068930-118.445127 1780000000.123456789\\n"
                .to_owned(),
            came: "AT Goloman 0.263 kiwi.example.org +34.068930-118.445127 1780000000.123456789\\n"
                .to_owned(),
            at: "Goloman, 0.004 s".to_owned(),
        }))
    };
    let hidden = Verdict::CannotTell {
        why: "The guest closes each connection after one command.".to_owned(),
        hidden_by: Some("stays-open"),
    };
    let unknown = Verdict::CannotTell { why: "No node could be seen.".to_owned(), hidden_by: None };
    let mut rules = vec![
        rule("starts", 1.0, &Verdict::Holds),
        rule(
            "iamat-skew",
            2.5,
            &fails("The skew has no sign.", Some("Format the skew with a sign, as `{:+}` does.")),
        ),
        rule("iamat-strict", 1.0, &fails("`IAMAT a +1-1 nan` is accepted.", None)),
        rule("pipelined", 1.0, &hidden),
        rule("flood-ends", 1.0, &unknown),
        rule("places-radius", 1.0, &Verdict::NotJudged("This machine has no namespaces.".to_owned())),
        rule("robust-survives", 1.0, &fails(HOSTILE, Some(HOSTILE))),
    ];
    rules[1].transcript =
        "   0.001 > IAMAT kiwi.example.org +34.068930-118.445127 1780000000.123456789\\n\n".repeat(9);
    let last = rules.last_mut().unwrap();
    last.sent = "x".repeat(100_000);
    last.came = HOSTILE.to_owned();
    last.transcript = HOSTILE.repeat(4000);
    last.last_words = vec![(HOSTILE.to_owned(), format!("Traceback (most recent call last):\n{HOSTILE}"))];
    Report {
        guest: format!("my herd {HOSTILE}"),
        suite: "0.1.0".to_owned(),
        graph: "2018-winter".to_owned(),
        seconds: 41.25,
        points: rules.iter().map(|rule| rule.points).sum(),
        of: rules.iter().map(|rule| rule.of).sum(),
        notes: vec!["The guest is asked in this form: LF, a connection a command.".to_owned()],
        rules,
    }
}

fn rule(name: &str, weight: f64, verdict: &Verdict) -> RuleReport {
    let rule = rules::find(name).unwrap();
    let mut report = RuleReport::new(rule.name, rule.class, rule.text, weight, verdict);
    report.seconds = 0.25;
    report
}

/// Writes the report of [`report`] and returns its folder.
pub(crate) fn written(test: &str) -> PathBuf {
    let folder = scratch(test).join("report");
    write_all(&report(), &folder).unwrap();
    folder
}

/// Writes the report of [`report`] and returns one of its files.
pub(crate) fn file(test: &str, name: &str) -> String {
    fs::read_to_string(written(test).join(name)).unwrap()
}
