//! What a run was measured on, and what else ran there.

use std::fmt;
use std::fs;
use std::process::Command;

use fixtures::checkout;
use serde::Serialize;

/// The machine and the programs, as found at the start of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// Seconds since 1970, and as people write it.
    pub(crate) time: u64,
    /// The date, in UTC.
    pub(crate) date: String,
    /// Processors that can be used.
    pub(crate) cores: usize,
    /// The processor's name.
    pub(crate) processor: String,
    /// The kernel's version.
    pub(crate) kernel: String,
    /// The commit that was measured, if it is known.
    pub(crate) commit: String,
    /// The programs beside the herd, as they tell their versions.
    pub(crate) programs: Vec<String>,
}

impl fmt::Display for Machine {
    /// On one line, without the programs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, kernel, date, commit, .. } = self;
        write!(f, "{processor}, {cores} cores, kernel {kernel}, {date}; commit {commit}")
    }
}

impl Machine {
    /// Looks.
    pub(crate) fn look() -> Machine {
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
        Machine {
            time,
            date: humantime::format_rfc3339_seconds(now).to_string(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor.to_owned(),
            kernel: kernel.trim().to_owned(),
            commit: said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default(),
            programs: programs
                .iter()
                .filter_map(|(program, flag)| Some(format!("{program}: {}", said(program, &[flag])?)))
                .collect(),
        }
    }
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(checkout::root()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(said.lines().next()?.trim().to_owned())
}
