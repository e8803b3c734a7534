//! The documentation, held against the programs.

use std::process::Command;

use fixtures::checkout::{program, root, scratch};
use xtask::docs::{Programs, check_generated, check_links};

fn programs() -> Programs {
    // Cargo builds all programs of the workspace into one folder.
    let xtask = program("xtask");
    Programs { herd: xtask.with_file_name("herd"), xtask }
}

#[test]
fn every_link_leads_somewhere() {
    check_links().unwrap();
}

#[test]
fn the_pages_of_command_lines_are_up_to_date() {
    check_generated(&programs()).unwrap();
}

/// The examples of the page of exit codes: each a code, and commands that end with it.
fn exit_codes() -> Vec<(i32, Vec<String>)> {
    let page = std::fs::read_to_string(root().join("docs/src/reference/exit-codes.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let code = cells.first()?.parse().ok()?;
        // Every second part of a text with back quotes is inside of them.
        Some((code, cells.get(2)?.split('`').skip(1).step_by(2).map(str::to_owned).collect()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn each_example_ends_with_the_exit_code_that_its_page_says() {
    let folder = scratch("exit-codes");
    std::os::unix::fs::symlink(root().join("fixtures"), folder.join("fixtures")).unwrap();
    let rows = exit_codes();
    assert_eq!(rows.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 1, 2]);
    for (code, example) in
        rows.iter().flat_map(|(code, examples)| examples.iter().map(move |example| (code, example)))
    {
        let words: Vec<&str> = example.split(' ').collect();
        let (program, arguments) = match words.as_slice() {
            ["herd", arguments @ ..] => (programs().herd, arguments),
            ["cargo", "xtask", arguments @ ..] => (programs().xtask, arguments),
            _ => panic!("an example of another program: {example}"),
        };
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
            command.env_remove(name);
        }
        let command = command.args(arguments).current_dir(&folder).env("XTASK_RUN_DIR", folder.join("none"));
        let output = command.env("XDG_STATE_HOME", &folder).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{example}: {told}");
    }
}
