//! A description of the computer that figures were measured on.

use std::fmt;
use std::fs;
use std::process::Command;

use fixtures::checkout;
use serde::Serialize;

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
    /// The other programs, with the first line that each prints about its version.
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
        let programs = [
            ("redis-server", "--version"),
            ("nats-server", "--version"),
            ("python3", "--version"),
            ("node", "--version"),
            ("rustc", "--version"),
        ];
        MachineInfo {
            time,
            date: humantime::format_rfc3339_seconds(now).to_string(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor.to_owned(),
            kernel: kernel.trim().to_owned(),
            commit: first_line_of("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default(),
            programs: programs
                .iter()
                .filter_map(|(program, flag)| {
                    Some(format!("{program}: {}", first_line_of(program, &[flag])?))
                })
                .collect(),
        }
    }
}

/// Runs a program and returns the first line that it prints. `None` if it is not installed or
/// prints nothing.
fn first_line_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(checkout::root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}
