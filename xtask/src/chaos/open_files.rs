//! The limit on the open files of another process.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Returns whether limits of processes can be changed on this machine.
pub(super) fn can_be_limited() -> bool {
    prlimit(std::process::id(), &["--output=SOFT"]).is_ok()
}

/// Returns the soft limit on the number of files that a process may have open.
///
/// # Errors
/// The program `prlimit` is missing or fails.
pub(super) fn limit(pid: u32) -> Result<u64> {
    let output = prlimit(pid, &["--nofile", "--noheadings", "--raw", "--output=SOFT"])?;
    output.trim().parse().with_context(|| format!("expected a number from prlimit, not {output:?}"))
}

/// Changes the soft limit. Files that the process has open stay open.
///
/// # Errors
/// The program `prlimit` is missing or fails. The limit is unchanged then.
pub(super) fn set_limit(pid: u32, files: u64) -> Result<()> {
    prlimit(pid, &[&format!("--nofile={files}:")]).map(drop)
}

fn prlimit(pid: u32, args: &[&str]) -> Result<String> {
    let output = Command::new("prlimit").arg(format!("--pid={pid}")).args(args).output();
    let output = output.context("cannot run prlimit; install util-linux")?;
    ensure!(output.status.success(), "prlimit failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
