//! The checkout that a command works on, and the herd that it means.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{files, program, root, scratch, target};

/// The time limit for a command.
const DEADLINE: Duration = Duration::from_secs(60);

/// The message if the command has found the herd of a checkout: its supervisor holds the lock, but
/// has not published its address yet.
const FOUND: &str = "the herd is just starting";

/// The message if the command has found no herd.
const NONE: &str = "no herd of this checkout is running";

/// Makes a checkout with the parts that identify it.
fn checkout(folder: &Path) -> PathBuf {
    for package in ["xtask", "herd/src"] {
        fs::create_dir_all(folder.join(package)).unwrap();
        fs::write(folder.join(package).join("Cargo.toml"), "").unwrap();
    }
    folder.to_owned()
}

/// Starts a herd with its files in `folder`. It stays in the state "just starting" until it is
/// dropped.
fn herd_in(folder: &Path) -> File {
    fs::create_dir_all(folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// Returns a command that runs `xtask` as a shell in `folder` would.
fn xtask(folder: &Path) -> Command {
    let mut command = Command::new(program("xtask"));
    for variable in ["CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "XTASK_RUN_DIR"] {
        command.env_remove(variable);
    }
    command.current_dir(folder).timeout(DEADLINE);
    command
}

/// Returns the error of `herd-status`.
fn status_error(command: &mut Command) -> String {
    let output = command.arg("herd-status").assert().code(1).get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_copy_of_a_checkout_does_not_see_the_herd_of_the_original() {
    let folder = scratch("copies");
    let [original, copy] = ["original", "copy"].map(|name| checkout(&folder.join(name)));
    let _herd = herd_in(&original.join("target/herd"));
    for (checkout, expected) in [(&original, FOUND), (&copy, NONE)] {
        assert!(status_error(&mut xtask(checkout)).contains(expected), "{checkout:?}");
        // `cargo xtask` sets this variable. It counts before the current folder.
        let by_cargo = status_error(xtask(&folder).env("CARGO_MANIFEST_DIR", checkout.join("xtask")));
        assert!(by_cargo.contains(expected), "{checkout:?}: {by_cargo}");
    }
}

#[test]
fn every_folder_of_a_checkout_has_the_same_herd_wherever_builds_go() {
    let checkout = checkout(&scratch("folders"));
    let herd = herd_in(&checkout.join("target/herd"));
    for folder in [checkout.clone(), checkout.join("herd"), checkout.join("herd/src")] {
        for builds in ["built", "../built", "../../built", "/nowhere/built"] {
            let error = status_error(xtask(&folder).env("CARGO_TARGET_DIR", builds));
            assert!(error.contains(FOUND), "{folder:?}, {builds}: {error}");
        }
        assert!(status_error(xtask(&folder).env("XTASK_RUN_DIR", "")).contains(FOUND));
    }
    drop(herd);
    let _moved = herd_in(&checkout.join("elsewhere"));
    for folder in [checkout.clone(), checkout.join("herd/src")] {
        assert!(status_error(xtask(&folder).env("XTASK_RUN_DIR", "elsewhere")).contains(FOUND));
        assert!(status_error(&mut xtask(&folder)).contains(NONE));
    }
}

#[test]
fn a_command_builds_into_the_target_folder_that_it_was_built_in() {
    let checkout = checkout(&scratch("builds"));
    let (cargo, output) = (checkout.join("cargo"), checkout.join("output"));
    // A shell writes the file. If this process did, a child that another test starts at the same
    // time could inherit the open file, and a file that is open for writing cannot be executed.
    let script = format!("#!/bin/sh\necho \"$PWD $CARGO_TARGET_DIR\" > {}\nexit 1", output.display());
    let write = r#"printf '%s\n' "$2" > "$1" && chmod 700 "$1""#;
    Command::new("/bin/sh").args(["-c", write, "sh"]).arg(&cargo).arg(script).assert().success();
    let target = target().unwrap();
    for (builds, expected) in [("../../built", target.to_str().unwrap()), ("/nowhere", "/nowhere")] {
        let mut ci = xtask(&checkout.join("herd/src"));
        ci.env("CARGO", &cargo).env("CARGO_TARGET_DIR", builds).arg("ci").assert().code(1);
        assert_eq!(fs::read_to_string(&output).unwrap(), format!("{} {expected}\n", checkout.display()));
    }
}

#[test]
fn a_folder_outside_of_any_checkout_is_an_error() {
    let elsewhere = std::env::temp_dir();
    // The folder of the program counts last, so the program must be outside of a checkout, too.
    let run = r#"set -e; place=$(mktemp -d); trap 'rm -r "$place"' EXIT; cp "$1" "$place/xtask"
        "$place/xtask" herd-status"#;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", run, "sh"]).arg(program("xtask")).current_dir(elsewhere).timeout(DEADLINE);
    let output = shell.env_remove("CARGO_MANIFEST_DIR").assert().code(1).get_output().clone();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("not in a checkout of this project"), "{error}");
}

#[test]
fn no_path_of_the_checkout_is_compiled_in() {
    // The texts are in pieces, so that this file does not contain them.
    let baked = [
        concat!("env!(\"", "CARGO_MANIFEST_DIR"),
        concat!("env!(\"", "CARGO_TARGET_TMPDIR"),
        concat!("env!(\"", "CARGO_BIN_EXE"),
        concat!("cargo_", "bin!"),
    ];
    let mut read = 0;
    for folder in ["herd/src", "herd/tests", "xtask/src", "xtask/tests", "fixtures", "benches"] {
        for file in files(&root().join(folder), &["rs"]).unwrap() {
            let text = fs::read_to_string(&file).unwrap();
            let found = baked.iter().find(|baked| text.contains(**baked));
            assert_eq!(found, None, "{file:?}: ask fixtures::checkout at run time");
            read += 1;
        }
    }
    assert!(read > 100, "{read}");
}
