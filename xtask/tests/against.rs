//! `cargo xtask e2e --against`, with guests that pass, that answer differently, and that do not
//! start.

use std::fs;
use std::time::Duration;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use fixtures::checkout::{self, scratch};
use xtask::cluster::workspace::{Profile, herd_binary};

/// The time limit for a command, including the build of the node program.
const DEADLINE: Duration = Duration::from_secs(300);

/// Plays the sessions whose names contain `filter` against a program.
fn against(program: &str, filter: &str, more: &[&str]) -> Assert {
    let mut command = Command::new(checkout::program("xtask"));
    command.args(["e2e", "--against", program, filter]).args(more).timeout(DEADLINE).assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn herd() -> String {
    herd_binary(Profile::Debug).unwrap().display().to_string()
}

#[test]
fn a_program_that_speaks_the_protocol_passes_what_can_be_played() {
    let stdout = stdout(&against(&format!("{} {{name}} --config {{file}}", herd()), "node", &[]).success());
    for row in [
        "passed  a-killed-node-catches-up",
        "passed  every-node-restarted-in-turn",
        "passed  flood-reaches-every-node",
    ] {
        assert!(stdout.lines().any(|line| line == row), "{stdout}");
    }
    assert!(stdout.ends_with(" passed, 0 differ, 0 cannot be played\n"), "{stdout}");
}

#[test]
fn the_report_says_what_a_session_needs_that_the_program_lacks() {
    let program = format!("{} {{name}} --config {{file}}", herd());
    let stdout = stdout(&against(&program, "me", &["--herd", "2016-fall"]).success());
    for (name, takes) in [
        ("equal-stamps-meet-again", "needs the graph of 2015-winter"),
        ("a-question-sees-its-moment", "needs the stub of the Places service"),
        ("runs-of-line-ends-become-one", "needs the stub of the Places service"),
        (
            "google-new-errors-become-legacy-ones",
            "needs our places providers, the stub of the Places service, our limits",
        ),
    ] {
        let is_row = |line: &str| {
            line.starts_with("cannot be played  ") && line.contains(name) && line.ends_with(takes)
        };
        assert!(stdout.lines().any(is_row), "{name}: {stdout}");
    }
}

#[test]
fn the_first_line_that_differs_is_shown_with_the_one_expected() {
    // The nodes of this herd reject lines as long as a report.
    let script = &scratch("against").join("short-lines.sh").display().to_string();
    let text = "printf '[limits]\\nline_bytes = 16\\n' | cat \"$2\" - > \"$2.$1\"\n\
                exec \"$3\" \"$1\" --config \"$2.$1\"\n";
    fs::write(script, text).unwrap();
    let program = format!("sh {script} {{name}} {{file}} {}", herd());
    let assert = against(&program, "later-stamp-wins", &[]).code(1);
    let stdout = stdout(&assert);
    for line in [
        "differs  later-stamp-wins  from its line 2 on",
        "  The report with the latest time is the one that counts, at the same node and at others.",
        "  expected  Alford -> AT Alford +<skew 1> kiwi +1+1 1000",
        "  came      Alford -> ? IAMAT kiwi +1+1 1000",
        "0 passed, 1 differ, 0 cannot be played",
    ] {
        assert!(stdout.lines().any(|other| other == line), "{line}: {stdout}");
    }
    assert!(stderr(&assert).contains("some transcripts differ from their snapshots"));
}

#[test]
fn the_error_quotes_a_program_that_does_not_start_once() {
    let stderr = stderr(&against("cat /no/such/file {name}", "", &[]).code(1));
    assert!(stderr.contains("did not get ready (exit status: 1): cat: "), "{stderr}");
    assert_eq!(stderr.matches("did not get ready").count(), 1, "{stderr}");
}

#[test]
fn the_error_for_a_wrong_command_has_a_right_one() {
    let error = stderr(&against("cat", "", &[]).code(1));
    assert!(error.contains("{name} {file}"), "{error}");
    against("cat {name}", "", &["--bless"]).code(2);
    against("cat {name}", "", &["--patience", "0"]).code(2);
}
