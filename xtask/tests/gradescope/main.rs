//! Autograder bundles, run as Gradescope runs them.

mod container;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::checkout::scratch;
use serde_json::Value;
use xtask::conformance::gradescope::write_bundle;

/// A suite that writes results, and says what it was called with.
const WRITES_RESULTS: &str = r#"while [ "$1" != --out ]; do shift; done
mkdir -p "$2"
echo '{"score": 2.5, "tests": [{"name": "lf", "score": 1}]}' > "$2/results.json"
exit 1"#;

/// Makes an autograder's folder with a suite that is this shell script, runs `run_autograder`, and
/// returns the results.
fn results_of(test: &str, suite: &str) -> Value {
    let autograder = scratch(&format!("gradescope-{test}"));
    let program = autograder.join("suite");
    fs::write(&program, format!("#!/bin/sh\n{suite}\n")).unwrap();
    write_bundle(&autograder.join("source"), &program, None).unwrap();
    fs::create_dir(autograder.join("submission")).unwrap();
    let mut command = Command::new(autograder.join("source/run_autograder"));
    command.env("AUTOGRADER", &autograder).env("LIMIT", "2s").env("TMPDIR", &autograder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<PathBuf> =
        entries(&autograder).filter(|path| path.to_string_lossy().contains("tmp.")).collect();
    assert_eq!(left, [""; 0].map(PathBuf::from));
    serde_json::from_slice(&fs::read(autograder.join("results/results.json")).unwrap()).unwrap()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

/// The output of a test that only instructors see.
fn hidden_output(results: &Value) -> &str {
    assert_eq!(results["tests"][0]["visibility"], "hidden");
    results["tests"][0]["output"].as_str().unwrap()
}

#[test]
fn the_suites_results_become_those_of_the_autograder() {
    let results = results_of("writes", WRITES_RESULTS);
    assert_eq!((&results["score"], &results["tests"][0]["name"]), (&Value::from(2.5), &Value::from("lf")));
}

#[test]
fn a_suite_that_dies_or_hangs_leaves_results_for_instructors() {
    for (test, suite) in [
        ("dies", "echo it is 'too \"hot\"'; kill -KILL $$"),
        ("hangs", "echo it is 'too \"hot\"'; sleep 60"),
        (
            "malformed",
            "echo it is 'too \"hot\"'; while [ \"$1\" != --out ]; do shift; done; mkdir -p $2; echo '{' > $2/results.json; exit 1",
        ),
    ] {
        let results = results_of(test, suite);
        assert_eq!(results["score"], 0, "{test}");
        assert!(
            results["output"].as_str().unwrap().contains("Ask your instructor to run it again"),
            "{test}"
        );
        assert!(hidden_output(&results).contains("it is too \"hot\""), "{test}: {results}");
    }
}

#[test]
fn a_submission_that_does_not_start_is_told_why() {
    let results = results_of("status-2", "echo 'error: no module called aiohttp' >&2; exit 2");
    assert!(results["output"].as_str().unwrap().contains("no module called aiohttp"), "{results}");
    assert!(hidden_output(&results).contains("no module called aiohttp"));
}

#[test]
fn the_suite_is_given_the_submission_and_a_budget() {
    let results = results_of("arguments", "echo \"called: $*\"; exit 9");
    let called = hidden_output(&results);
    assert!(
        called.contains("/source/guest.toml --folder ") && called.contains("/submission --out "),
        "{called}"
    );
    assert!(called.contains(" --container --budget 8m"), "{called}");
    assert!(results["output"].as_str().unwrap().contains("exit status 9"));
}

#[test]
fn scripts_are_executable_and_have_no_mistakes_of_syntax() {
    let folder = scratch("gradescope-syntax");
    write_bundle(&folder.join("bundle"), Path::new("/bin/true"), None).unwrap();
    for script in ["setup.sh", "run_autograder"] {
        let path = folder.join("bundle").join(script);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0o111);
        assert!(Command::new("bash").arg("-n").arg(&path).status().unwrap().success(), "{script}");
    }
}
