//! The conformance suite as its users run it.

mod guests;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use fixtures::checkout::{program, root, scratch};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xtask::conformance::rules::RULES;

/// Runs the suite with arguments, with this project's herd on the PATH.
fn suite(args: &[&str]) -> assert_cmd::assert::Assert {
    Command::new(program("conformance")).args(args).env("PATH", path_with_herd()).assert()
}

/// The PATH, with this project's herd on it.
fn path_with_herd() -> String {
    let programs = program("conformance");
    format!("{}:{}", programs.parent().unwrap().display(), std::env::var("PATH").unwrap())
}

/// The report in a folder.
fn report(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
}

/// The verdicts of a report, by rule.
fn verdict<'a>(report: &'a Value, rule: &str) -> &'a str {
    let rules = report["rules"].as_array().unwrap();
    rules.iter().find(|entry| entry["rule"] == rule).unwrap()["verdict"].as_str().unwrap()
}

/// Writes a guest file to a separate scratch folder.
fn guest(name: &str, text: &str) -> PathBuf {
    let file = scratch(name).join("guest.toml");
    fs::write(&file, text).unwrap();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn this_herd_holds_every_rule() {
    let out = scratch("judge-this-herd");
    let file = root().join("fixtures/guests/this-herd/guest.toml");
    let assert = suite(&[text(&file), "--out", text(&out)]).success();
    let report = report(&out);
    for rule in RULES {
        assert_eq!(verdict(&report, rule.name), "holds", "{}: {:?}", rule.name, assert.get_output());
    }
    assert_eq!(report["points"], report["of"]);
    for file in ["report.html", "junit.xml", "results.json", "transcripts/flood-all.txt"] {
        assert!(out.join(file).exists(), "{file}");
    }
    assert!(!out.join("run").exists(), "the copy of the guest is removed");
}

#[test]
fn the_list_has_every_rule() {
    let assert = suite(&["--list"]).success();
    let list = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    for rule in RULES {
        assert!(list.lines().any(|line| line.starts_with(rule.name)), "{}", rule.name);
    }
}

#[test]
fn a_guest_file_that_is_wrong_says_where_and_how_to_mend_it() {
    for (name, file, words) in [
        ("no-start", "name = \"x\"\n", "missing field `start`"),
        ("same-command", "start = \"node server.js\"\n", "{name}"),
        ("unknown-key", "start = \"x {name}\"\nprot = 5\n", "line 2"),
        ("unknown-graph", "start = \"x {name}\"\ngraph = \"2019-winter\"\n", "2018-winter"),
        ("unknown-rule", "start = \"x {name}\"\n[weights]\nflod-all = 3\n", "flod-all"),
        ("no-duration", "start = \"x {name}\"\nready_within = \"soon\"\n", "10s"),
        ("outside", "start = \"x {name}\"\nfiles = { \"../x\" = \"\" }\n", "../x"),
        ("name-with-folders", "start = \"x {name}\"\nname = \"../../x\"\n", "`name`"),
        ("name-of-a-folder", "start = \"x {name}\"\nname = \"..\"\n", "`name`"),
        ("no-place-for-ports", "start = \"x {name}\"\nports = \"given\"\n", "{port}"),
    ] {
        let file = guest(&format!("judge-{name}"), file);
        let error = stderr(&suite(&[text(&file)]).code(2));
        assert!(error.contains(words) && error.contains("guest.toml"), "{name}: {error}");
    }
    let error = stderr(&suite(&["/no/such/guest.toml"]).code(2));
    assert!(error.contains("/no/such/guest.toml"), "{error}");
}

#[test]
fn a_rule_that_does_not_exist_is_an_error() {
    let file = guest("judge-no-rule", "start = \"true {name}\"\n");
    let error = stderr(&suite(&[text(&file), "--rule", "flood-every"]).code(2));
    assert!(error.contains("flood-every") && error.contains("--list"), "{error}");
}

#[test]
fn a_program_that_does_not_start_gives_its_last_words_and_a_report() {
    let file = guest("judge-no-start", "start = \"sh -c 'echo no such module >&2; exit 3' {name}\"\n");
    let out = file.with_file_name("out");
    let error = stderr(&suite(&[text(&file), "--out", text(&out)]).code(2));
    assert!(error.contains("exited with status 3") && error.contains("no such module"), "{error}");
    let report = report(&out);
    assert_eq!(verdict(&report, "starts"), "fails");
    assert_eq!(verdict(&report, "flood-all"), "not judged");
}

#[test]
fn a_budget_ends_the_run_in_time_with_a_report() {
    let out = scratch("judge-budget");
    let file = root().join("fixtures/guests/this-herd/guest.toml");
    // Ten seconds are kept for the report, so that no time is left for rules.
    let error = stderr(&suite(&[text(&file), "--out", text(&out), "--budget", "10s"]).code(2));
    assert!(error.contains("time"), "{error}");
    let report = report(&out);
    assert!(RULES.iter().all(|rule| verdict(&report, rule.name) == "not judged"), "{report}");
}

#[test]
fn a_judge_that_dies_leaves_a_report_and_no_success() {
    let out = scratch("judge-dies");
    let file = root().join("fixtures/guests/this-herd/guest.toml");
    let mut run = std::process::Command::new(program("conformance"))
        .args([text(&file), "--out", text(&out)])
        .env("PATH", path_with_herd())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("holds        starts"), "{line}");
    // The judge is the only child of the process that started it.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.id())).unwrap();
    kill(Pid::from_raw(children.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("the judge ended early"), "{ended:?}");
    let report = report(&out);
    assert_eq!((verdict(&report, "starts"), verdict(&report, "stops")), ("holds", "not judged"));
}

#[test]
fn a_folder_with_files_of_somebody_else_is_not_touched() {
    let folder = scratch("judge-not-ours");
    let guests = scratch("judge-guests");
    fs::copy(root().join("fixtures/guests/this-herd/guest.toml"), guests.join("guest.toml")).unwrap();
    for file in ["run/a", "nodes/b", "sessions/c", "matrix.csv"] {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), "precious").unwrap();
    }
    let guest = guests.join("guest.toml");
    for what in
        [&[text(&guest)][..], &[text(&guest), "--sessions"], &["--all", text(&guests)], &["--self-test"]]
    {
        let error = stderr(&suite(&[what, &["--out", text(&folder)]].concat()).code(2));
        assert!(error.contains("is not empty") && error.contains("--out"), "{what:?}: {error}");
    }
    for file in ["run/a", "nodes/b", "sessions/c", "matrix.csv"] {
        assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), "precious", "{file}");
    }
}
