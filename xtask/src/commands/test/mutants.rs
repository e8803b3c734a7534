//! `mutants`: mutate the code of a node, one small change at a time, and list the mutants that no
//! test notices.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fixtures::checkout::root;

use crate::cluster::workspace::target_dir;
use crate::commands::print::print;

/// What to mutate.
#[derive(Clone, Debug, Args)]
pub struct MutantsArgs {
    /// Mutate these files, such as 'herd/src/journal/*.rs', and run all tests of herd
    /// [default: a few files with their unit tests, which takes a minute]
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,

    /// Mutate every file of herd, which takes many hours
    #[arg(long, conflicts_with = "file")]
    all: bool,
}

/// The files that are mutated by default.
const SUBSET: [&str; 2] = ["herd/src/message/client_id.rs", "herd/src/message/iamat.rs"];

/// The filter of the unit tests that run for these files.
const TESTS_OF_SUBSET: &str = "message::";

/// The exit codes of cargo-mutants after it has tested the mutants.
const ALL_CAUGHT: i32 = 0;
const SOME_MISSED: i32 = 2;
const SOME_TIMED_OUT: i32 = 3;

const INSTALL: &str =
    "cargo-mutants is not installed: `cargo install cargo-mutants --version 27.1.0 --locked`";

/// Runs cargo-mutants, which must be installed. `.cargo/mutants.toml` lists the mutants that tests
/// need not notice, each with its reason.
///
/// # Errors
/// cargo-mutants is not installed, the tests fail without a mutant, or an unlisted mutant survives.
pub fn test_mutants(args: &MutantsArgs) -> Result<()> {
    let installed = mutants().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(installed.is_ok_and(|status| status.success()), INSTALL);
    let folder = target_dir()?.join("mutants");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let status = mutants()
        .arg("--output")
        .arg(&folder)
        .args(arguments(args))
        // The mutants have their own target folder, which is kept so that the next run does not
        // build all dependencies again.
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .status()
        .context("cannot run cargo-mutants")?;
    let results = folder.join("mutants.out");
    // A test that times out has noticed its mutant, too.
    let has_run = matches!(status.code(), Some(ALL_CAUGHT | SOME_MISSED | SOME_TIMED_OUT));
    ensure!(has_run, "cargo-mutants tested nothing: see {}", results.join("log").display());
    let survivors = survivors(&results)?;
    if !survivors.is_empty() {
        bail!(
            "no test notices {} mutants: write a test, or list them in .cargo/mutants.toml with a reason\n{}",
            survivors.len(),
            survivors.join("\n")
        );
    }
    print("a test notices every mutant\n")
}

/// Returns the arguments of cargo-mutants.
fn arguments(args: &MutantsArgs) -> Vec<String> {
    let is_subset = !args.all && args.file.is_empty();
    let subset = SUBSET.map(str::to_owned).to_vec();
    let files = if is_subset { subset } else { args.file.clone() };
    let files = files.into_iter().flat_map(|file| ["--file".to_owned(), file]);
    let fixed = ["--package", "herd", "--no-times", "--colors", "never"].map(str::to_owned);
    let tests = ["--cargo-arg=--lib", "--", TESTS_OF_SUBSET].map(str::to_owned);
    fixed.into_iter().chain(files).chain(tests.into_iter().filter(|_| is_subset)).collect()
}

/// Returns the mutants that no test noticed, from the results of cargo-mutants.
fn survivors(folder: &Path) -> Result<Vec<String>> {
    let file = folder.join("missed.txt");
    let missed = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(missed.lines().map(str::to_owned).collect())
}

fn mutants() -> Command {
    let mut command = Command::new("cargo");
    command.arg("mutants").current_dir(root());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_choose_the_files_and_the_tests() {
        let given = |file: &[&str], all| {
            let file = file.iter().map(ToString::to_string).collect();
            arguments(&MutantsArgs { file, all }).join(" ")
        };
        let fixed = "--package herd --no-times --colors never";
        assert_eq!(given(&[], true), fixed);
        assert_eq!(given(&["a.rs", "b/*.rs"], false), format!("{fixed} --file a.rs --file b/*.rs"));
        let subset = given(&[], false);
        assert!(
            subset.ends_with(" --file herd/src/message/iamat.rs --cargo-arg=--lib -- message::"),
            "{subset}"
        );
    }

    #[test]
    fn the_files_of_the_subset_exist() {
        assert!(SUBSET.iter().all(|file| root().join(file).is_file()));
    }

    #[test]
    fn survivors_are_the_mutants_that_no_test_notices() {
        let folder = fixtures::checkout::scratch("mutants");
        assert!(survivors(&folder).unwrap_err().to_string().starts_with("cannot read "));
        fs::write(folder.join("missed.txt"), "a.rs:1:2: replace + with -\nb.rs:3:4: delete !\n").unwrap();
        assert_eq!(survivors(&folder).unwrap(), ["a.rs:1:2: replace + with -", "b.rs:3:4: delete !"]);
    }
}
