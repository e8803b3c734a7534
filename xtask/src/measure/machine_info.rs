//! A description of the computer that figures were measured on.

use std::env;
use std::fmt;
use std::fs;
use std::process::Command;

use fixtures::checkout;
use regex::Regex;
use serde::Serialize;

use crate::cluster::bundled_guests::package_versions;

/// The computer and its programs at the start of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MachineInfo {
    /// The time, in seconds since 1970.
    pub(crate) time: u64,
    /// The same time as a date, in UTC.
    pub(crate) date: String,
    /// The number of processors that this process may use.
    pub(crate) cores: usize,
    /// The name of the processor.
    pub(crate) processor: String,
    /// The version of the kernel.
    pub(crate) kernel: String,
    /// The commit that was measured; empty if it is not known.
    pub(crate) commit: String,
    /// The programs that are measured or run what is measured, with their versions.
    pub(crate) programs: Vec<String>,
}

impl fmt::Display for MachineInfo {
    /// Writes one line, without the programs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MachineInfo { processor, cores, kernel, date, commit, .. } = self;
        write!(f, "{processor}, {cores} cores, kernel {kernel}, {date}; commit {commit}")
    }
}

impl MachineInfo {
    /// Collects the description of this computer.
    pub(crate) fn collect() -> MachineInfo {
        let now = std::time::SystemTime::now();
        let time = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
        let processor = processor.map_or("unknown", |rest| rest.trim_start_matches([':', ' ', '\t']));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        MachineInfo {
            time,
            date: humantime::format_rfc3339_seconds(now).to_string(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor.to_owned(),
            kernel: kernel.trim().to_owned(),
            commit: first_line_of("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default(),
            programs: versions(),
        }
    }
}

/// Returns the programs that are installed, and the libraries of herds, with their versions.
pub(crate) fn versions() -> Vec<String> {
    let version_of = |(program, name): (&str, &str)| {
        Some(format!("{name} {}", number_in(&first_line_of(program, &["--version"])?)?))
    };
    let tokio = locked_version("tokio").map(|version| format!("Tokio {version}"));
    let rust = version_of(("rustc", "Rust")).into_iter().chain(tokio);
    let python = version_of(("python3", "Python")).into_iter();
    let python = python.chain(package_versions().unwrap_or_default());
    let others = [("node", "Node.js"), ("redis-server", "Redis"), ("nats-server", "NATS")];
    rust.chain(python).chain(others.into_iter().filter_map(version_of)).collect()
}

/// Returns the first version number in a text, such as `7.0.15` in `Redis server v=7.0.15`.
fn number_in(text: &str) -> Option<&str> {
    let number = Regex::new(r"\d+(\.\d+)+").expect("the pattern is right");
    number.find(text).map(|found| found.as_str())
}

/// Returns the version of a crate in the lock file of this workspace.
fn locked_version(name: &str) -> Option<String> {
    let lock = fs::read_to_string(checkout::root().join("Cargo.lock")).ok()?;
    let (_, entry) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    entry.split_once('"').map(|(version, _)| version.to_owned())
}

/// Runs a program and returns the first line that it prints. `None` if it is not installed or
/// prints nothing.
fn first_line_of(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    // Debian installs servers in /usr/sbin, which is not on every user's PATH.
    command.env("PATH", format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default()));
    let output = command.args(arguments).current_dir(checkout::root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_a_program_prints() {
        for (printed, version) in [
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", Some("7.0.15")),
            ("nats-server: v2.10.25", Some("2.10.25")),
            ("v20.20.2", Some("20.20.2")),
            ("rustc 1.95.0 (59807616e 2026-04-14)", Some("1.95.0")),
            ("no such option", None),
        ] {
            assert_eq!(number_in(printed), version);
        }
    }

    #[test]
    fn the_compiler_and_the_runtime_of_this_herd_are_named() {
        let versions = versions();
        assert!(versions.iter().any(|version| version.starts_with("Rust 1.")), "{versions:?}");
        assert!(versions.iter().any(|version| version.starts_with("Tokio 1.")), "{versions:?}");
    }
}
