//! How many files a process may open.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Whether the limit of another process can be changed here.
pub(super) fn can_be_limited() -> bool {
    prlimit(std::process::id(), &["--output=SOFT"]).is_ok()
}

/// How many files a process may open.
///
/// # Errors
/// `prlimit` is not there, or fails.
pub(super) fn limit(pid: u32) -> Result<u64> {
    let said = prlimit(pid, &["--nofile", "--noheadings", "--raw", "--output=SOFT"])?;
    said.trim().parse().with_context(|| format!("expected a number from prlimit, not {said:?}"))
}

/// Changes that, behind the process's back. What it has open stays open.
///
/// # Errors
/// As for [`limit`].
pub(super) fn set_limit(pid: u32, files: u64) -> Result<()> {
    prlimit(pid, &[&format!("--nofile={files}:")]).map(drop)
}

fn prlimit(pid: u32, args: &[&str]) -> Result<String> {
    let output = Command::new("prlimit").arg(format!("--pid={pid}")).args(args).output();
    let output = output.context("prlimit, of util-linux, is not there")?;
    ensure!(output.status.success(), "prlimit has failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
