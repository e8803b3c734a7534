//! The documentation, held against the programs.

use std::process::Command;

use fixtures::checkout::{program, root, scratch};
use strum::VariantArray;
use xtask::conformance::guest_file::Guest;
use xtask::conformance::rules::RULES;
use xtask::conformance::verdict::Class;
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
    assert_eq!(rows.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 3]);
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

/// A rule of the page of rules: its class, its name, its text, and whether a box shows it.
type PageRule = (String, String, String, bool);

/// The rules of the page of rules.
fn rules_of_page() -> Vec<PageRule> {
    let page = std::fs::read_to_string(root().join("docs/src/harness/rules.md")).unwrap();
    let mut rules: Vec<PageRule> = Vec::new();
    for class in page.split("\n## ").skip(1) {
        let title = class.lines().next().unwrap().to_lowercase();
        for rule in class.split("\n### `").skip(1) {
            let (name, rest) = rule.split_once("`\n\n").unwrap();
            let (text, below) = rest.split_once("\n\n").unwrap();
            let is_shown = below.starts_with("```text\n");
            rules.push((title.clone(), name.to_owned(), text.replace('\n', " "), is_shown));
        }
    }
    rules
}

#[test]
fn the_page_of_rules_has_every_rule_of_each_class_with_its_text_and_a_session() {
    let mut expected: Vec<PageRule> = Vec::new();
    for class in Class::VARIANTS {
        let rules = RULES.iter().filter(|rule| rule.class == *class);
        expected
            .extend(rules.map(|rule| (class.to_string(), rule.name.to_owned(), rule.text.to_owned(), true)));
    }
    let found = rules_of_page();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn the_page_of_the_guest_file_has_every_key_in_an_example_that_is_one() {
    let page = std::fs::read_to_string(root().join("docs/src/harness/guest-file.md")).unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = scratch("guest-file").join("guest.toml");
    let guest = Guest::parse(example, &file).unwrap();
    assert_eq!((guest.name.as_str(), guest.weight("flood-all")), ("my herd", 5.0));
    // The error for an unknown key lists all keys.
    let error = format!("{:#}", Guest::parse("nosuch = 1\n", &file).unwrap_err());
    let known = error.split("expected one of ").nth(1).unwrap().lines().next().unwrap();
    for key in known.split(", ").map(|key| key.trim_matches('`')) {
        let is_shown =
            example.lines().any(|line| line.starts_with(&format!("{key} = ")) || line == format!("[{key}]"));
        assert!(is_shown, "{key} is not in the example");
    }
}
