//! The command line of `cargo xtask`: help, wrong arguments, exit codes.

use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, scratch};

/// The time limit for a command, including the build of the node program.
const DEADLINE: Duration = Duration::from_secs(300);

fn xtask() -> Command {
    let mut command = Command::new(program("xtask"));
    command.env("XTASK_RUN_DIR", scratch("no-herd").join("none")).timeout(DEADLINE);
    command
}

/// Runs a command that must fail with this exit code. Returns its standard error.
fn stderr_of_failure(arguments: &[&str], code: i32) -> String {
    let output = xtask().args(arguments).assert().code(code).get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn help_lists_every_command() {
    let output = xtask().arg("--help").assert().success().get_output().stdout.clone();
    let help = String::from_utf8(output).unwrap();
    for command in [
        "herd-up",
        "herd-status",
        "herd-down",
        "herd-restart",
        "herd-kill",
        "herd-logs",
        "say",
        "load",
        "compare",
        "scale",
        "e2e",
        "ci",
    ] {
        assert!(help.contains(&format!("  {command} ")), "{command}");
    }
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for arguments in [
        &["herd-upp"][..],
        &[],
        &["say", "Alford"],
        &["herd-kill"],
        &["herd-up", "--nodes", "0"],
        &["herd-up", "--nodes", "5", "--graph", "cube"],
        &["herd-up", "--base-port", "70000"],
        &["load", "--depth", "0"],
        &["load", "--duration", "0"],
        &["scale", "--nodes", "1"],
        &["compare", "--quick", "--keep"],
        &["herd-up", "--herd", "2020-winter", "--nodes", "3"],
        &["ci", "tests"],
    ] {
        stderr_of_failure(arguments, 2);
    }
}

#[test]
fn the_error_for_an_unknown_row_says_similar_ones_and_what_lists_all() {
    for (wrong, expected) in [
        ("speed", "no row `speed`: `cargo xtask compare --list` lists the "),
        (
            "one-nod",
            "no row `one-nod`; did you mean `one-node` or `one-hop`? `cargo xtask compare --list` lists the ",
        ),
    ] {
        let stderr = stderr_of_failure(&["compare", wrong], 1);
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn the_error_without_a_herd_says_how_to_start_one() {
    for arguments in [
        &["herd-status"][..],
        &["herd-status", "--json"],
        &["herd-down"],
        &["herd-restart"],
        &["herd-kill", "Alford"],
        &["herd-logs"],
        &["say", "Alford", "x"],
        &["load"],
    ] {
        let stderr = stderr_of_failure(arguments, 1);
        assert!(
            stderr.contains("no herd") && stderr.contains("cargo xtask herd-up"),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn the_error_for_an_unknown_herd_lists_the_herds() {
    let stderr = stderr_of_failure(&["herd-up", "--herd", "1999-winter"], 1);
    assert!(stderr.contains("1999-winter") && stderr.contains("2015-winter"), "{stderr}");
}

#[test]
fn the_error_for_an_unknown_session_says_similar_ones_and_what_lists_all() {
    let stderr = stderr_of_failure(&["e2e", "classroom-examples"], 1);
    let expected = "error: no session's name contains \"classroom-examples\"; did you mean `classroom-example`? \
                    `cargo xtask e2e --list` lists the ";
    assert!(stderr.starts_with(expected) && stderr.lines().count() == 1, "{stderr}");
    let list = xtask().args(["e2e", "--list"]).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(list).unwrap().lines().any(|name| name == "classroom-example"));
}
