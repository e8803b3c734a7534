//! `fuzz`: fuzz the parsers of a node, and check the properties that hold for any input.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use fixtures::checkout::root;

use crate::cluster::workspace::target_dir;
use crate::commands::arguments::one_of;
use crate::commands::print::print;

/// What to fuzz, and for how long.
#[derive(Clone, Debug, Args)]
pub struct FuzzArgs {
    /// The parser to fuzz [default: all, one after another]
    #[arg(value_parser = one_of(TARGETS))]
    target: Option<String>,

    /// Minutes for each parser
    #[arg(long, value_name = "M", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
}

/// The targets of `herd/fuzz`.
const TARGETS: [&str; 8] =
    ["client_line", "link_line", "hello", "journal", "places_body", "config", "osm_extract", "places_file"];

/// The prefix of the line in which the fuzzer prints the number of inputs.
const EXECUTED: &str = "stat::number_of_executed_units:";

/// Runs the fuzzer, which must be installed. The inputs that it collects stay in the target folder
/// for the next run.
///
/// # Errors
/// The fuzzer is not installed, or an input failed. The message then has the fuzzer's last lines,
/// which name the input.
pub fn fuzz_parsers(args: &FuzzArgs) -> Result<()> {
    let installed = fuzzer().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        installed.is_ok_and(|status| status.success()),
        "cargo-fuzz or the nightly toolchain is not installed: run `rustup toolchain install nightly` and \
         `cargo install cargo-fuzz --locked`"
    );
    let folder = target_dir()?.join("fuzz");
    let targets = TARGETS.iter().filter(|name| args.target.as_deref().is_none_or(|only| only == **name));
    targets.copied().try_for_each(|target| fuzz_target(target, args.minutes, &folder))
}

fn fuzz_target(target: &str, minutes: u32, folder: &Path) -> Result<()> {
    let (corpus, log) = (folder.join("corpus").join(target), folder.join(format!("{target}.log")));
    fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
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
    let printed = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let end: Vec<&str> = printed.lines().rev().take(15).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        bail!("an input of {target} failed (log {}):\n{}", log.display(), end.join("\n"));
    }
    let executed = printed.lines().find_map(|line| line.strip_prefix(EXECUTED)).unwrap_or_default().trim();
    print(&format!("{target:12} {executed} inputs, no failure\n"))
}

/// Returns a command that runs cargo-fuzz with the nightly toolchain, in the folder of `herd`.
fn fuzzer() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz"]).current_dir(root().join("herd"));
    command
}
