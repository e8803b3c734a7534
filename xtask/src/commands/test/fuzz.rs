//! `fuzz`: gives parts of a node bytes that nobody would think of, and sees whether what must be true of any bytes is.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fixtures::checkout::root;

use crate::cluster::workspace::target_dir;
use crate::commands::print::print;

/// What to fuzz, and for how long.
#[derive(Clone, Debug, Args)]
pub struct FuzzArgs {
    /// One part of a node [default: all, one after the other].
    #[arg(value_parser = TARGETS)]
    target: Option<String>,

    /// For so many minutes each.
    #[arg(long, value_name = "M", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
}

/// The targets of `herd/fuzz`.
const TARGETS: [&str; 6] = ["client_line", "link_line", "hello", "journal", "places_body", "config"];

/// How the fuzzer tells how many inputs it has tried.
const EXECUTED: &str = "stat::number_of_executed_units:";

/// Runs the fuzzer, which must be installed. What it finds worth keeping stays in the target folder for the next time.
///
/// # Errors
/// It is not installed, or has found something: the message says what, and how to see it again.
pub fn fuzz_parsers(args: &FuzzArgs) -> Result<()> {
    let installed = fuzzer().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        installed.is_ok_and(|status| status.success()),
        "fuzzing needs a nightly compiler and cargo-fuzz: `rustup toolchain install nightly`, `cargo install cargo-fuzz --locked`"
    );
    let folder = target_dir()?.join("fuzz");
    let targets = TARGETS.iter().filter(|name| args.target.as_deref().is_none_or(|only| only == **name));
    targets.copied().try_for_each(|target| fuzz(target, args.minutes, &folder))
}

fn fuzz(target: &str, minutes: u32, folder: &Path) -> Result<()> {
    let (corpus, log) = (folder.join("corpus").join(target), folder.join(format!("{target}.log")));
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    print(&format!("{target:12} {minutes} min, log in {}\n", log.display()))?;
    let status = fuzzer()
        .args(["run", target])
        .arg(&corpus)
        .arg(format!("fuzz/corpus/{target}"))
        .args(["--", "-print_final_stats=1", &format!("-max_total_time={}", minutes * 60)])
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .context("cannot run the fuzzer")?;
    let told = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let end: Vec<&str> = told.lines().rev().take(15).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        bail!("{target} has failed:\n{}", end.join("\n"));
    }
    let executed = told.lines().find_map(|line| line.strip_prefix(EXECUTED)).unwrap_or_default().trim();
    print(&format!("{target:12} {executed} inputs, nothing found\n"))
}

/// cargo-fuzz in the folder of the crate that it fuzzes, by a nightly compiler.
fn fuzzer() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz"]).current_dir(root().join("herd"));
    command
}
