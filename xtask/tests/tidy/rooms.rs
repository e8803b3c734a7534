//! What each room may use.

use std::fmt::Write;
use std::fs;

use fixtures::checkout::root;

use crate::{assert_none, code, files, place};

/// The rooms of the harness, the lowest first. A room may use those on lines before its own.
const FLOORS: [&[&str]; 6] = [
    &["text"],
    &["cluster"],
    &["load", "oracle", "session"],
    &["chaos", "conformance", "dashboard", "sim"],
    &["alerts", "docs", "measure", "package", "turmoil"],
    &["commands"],
];

/// What the pure parts of a node must not name: input and output, clocks, and randomness.
const IMPURE: [&str; 12] = [
    "tokio",
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "Instant::now",
    "SystemTime::now",
    "RandomState::new",
    "std::hash::RandomState",
    "getrandom",
    "fastrand",
];

#[test]
fn rooms_of_the_harness_use_lower_rooms_only() {
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    let source = root().join("xtask/src");
    let (mut problems, mut read) = (String::new(), 0);
    for file in files("xtask/src", &["rs"]) {
        let own = file.strip_prefix(&source).unwrap().components().next().unwrap();
        let own = own.as_os_str().to_string_lossy().replace(".rs", "");
        // The library's face and the programs may use every room.
        let Some(own_floor) = floor(&own) else {
            assert!(["lib", "main", "help", "bin"].contains(&own.as_str()), "{own} is in no list of FLOORS");
            continue;
        };
        read += 1;
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for used in line.split("crate::").skip(1) {
                let room = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                if room != own && floor(room).is_none_or(|floor| floor >= own_floor) {
                    writeln!(problems, "{}: {own} uses {room}", place(&file, number)).unwrap();
                }
            }
        }
    }
    assert!(read > 100, "{read}");
    assert_none(&problems, "move what is shared to a lower room");
}

#[test]
fn only_commands_know_arguments_and_standard_output() {
    let mut problems = String::new();
    for file in files("xtask/src", &["rs"]) {
        let room = file.strip_prefix(root().join("xtask/src")).unwrap();
        if room.starts_with("commands") || room.starts_with("bin") || room == "main.rs" || room == "help.rs" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in code(&text) {
            let known = ["clap", "io::stdout()", "io::stderr()", "println!", "process::exit"];
            if let Some(word) = known.iter().find(|word| line.contains(*word)) {
                writeln!(problems, "{}: {word}", place(&file, number)).unwrap();
            }
        }
    }
    assert_none(&problems, "return a value, or call a `progress` that a command passes");
}

#[test]
fn messages_and_nodes_do_no_io_and_know_no_clock_or_chance() {
    let mut problems = String::new();
    for file in ["herd/src/message", "herd/src/node"].iter().flat_map(|folder| files(folder, &["rs"])) {
        if file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in code(&text).filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if let Some(word) = IMPURE.iter().find(|word| line.contains(*word)) {
                writeln!(problems, "{}: {word}", place(&file, number)).unwrap();
            }
        }
    }
    assert_none(&problems, "pass times, random numbers and bytes in");
}
