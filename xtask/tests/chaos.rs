//! Short runs of chaos on real processes.

use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::program;

/// The time limit for a command, including the build of the node program.
const DEADLINE: Duration = Duration::from_secs(300);

fn xtask() -> Command {
    let mut command = Command::new(program("xtask"));
    command.timeout(DEADLINE);
    command
}

#[test]
fn nodes_on_disk_that_are_killed_lose_nothing_and_the_history_can_be_checked_again() {
    let output = xtask()
        .args(["chaos", "--seed", "1009", "--rounds", "3", "--rate", "500", "--faults", "kill,kill-all"])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        stdout.starts_with("cargo xtask chaos processes --seed 1009 ")
            && stdout.contains("none lost, 0 excused"),
        "{stdout}"
    );
    let history = stdout.lines().find_map(|line| line.strip_prefix("history: ")).expect("a history");
    let output = xtask().args(["check-history", history]).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"all invariants hold"));

    // The same history, but one node has lost all its records at the end.
    let text = std::fs::read_to_string(history).unwrap();
    let (rest, last) = text.trim_end().rsplit_once('\n').unwrap();
    let emptied = without_lines(last);
    let broken = format!("{history}.broken");
    std::fs::write(&broken, format!("{rest}\n{emptied}\n")).unwrap();
    let output = xtask().args(["check-history", &broken]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.starts_with(b"I1: acknowledged and lost: "));
}

#[test]
fn plain_links_that_are_cut_anywhere_lose_nothing_and_the_run_leaves_a_timeline() {
    let output = xtask()
        .args(["chaos", "--seed", "3", "--rounds", "3", "--rate", "500", "--faults", "reset,partition"])
        .args(["--insecure-links", "--durability", "memory"])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("none lost, 0 excused"), "{stdout}");
    let picture = stdout.lines().find_map(|line| line.strip_prefix("timeline: ")).expect("a timeline");
    let picture = std::fs::read_to_string(picture).unwrap();
    for row in ["Alford has a link with Parker", "converged after", "reset: ", "partition: "] {
        assert!(picture.contains(row), "no {row}");
    }
}

/// Returns a node's ending, a line of a history, without its records.
fn without_lines(ending: &str) -> String {
    let mut ending: serde_json::Value = serde_json::from_str(ending).unwrap();
    ending["lines"] = serde_json::json!([]);
    ending.to_string()
}
