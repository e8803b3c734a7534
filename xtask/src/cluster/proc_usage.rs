//! What processes and the machine use, as `/proc` tells it.

use std::fs;

use anyhow::{Context, Result};

/// Seconds of processor time that a process has used.
///
/// # Errors
/// There is no such process.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0.0;
    // Of each thread. `stat` has the sum, but in hundredths of a second: too coarse for an idle process.
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        let stat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += stat.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0.0);
    }
    Ok(nanoseconds / 1e9)
}

/// Bytes of memory that a process has resident.
///
/// # Errors
/// There is no such process.
pub(crate) fn resident_bytes(pid: u32) -> Result<f64> {
    memory(pid, "VmRSS:").map(|bytes| bytes as f64)
}

/// The most bytes of memory that a process has ever had resident.
///
/// # Errors
/// There is no such process.
pub(crate) fn peak_bytes(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

/// How many files a process has open.
///
/// # Errors
/// There is no such process.
pub(crate) fn open_files(pid: u32) -> Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd")).context("the process has ended")?.count() as u64)
}

/// A line of what a process says of its memory, in bytes.
fn memory(pid: u32, line: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let value =
        status.lines().find_map(|said| said.strip_prefix(line)).context("the process has no memory")?;
    let kilobytes: u64 = value.trim().trim_end_matches(" kB").parse().context("memory is a number of kB")?;
    Ok(kilobytes * 1024)
}

/// The machine's load average of the last minute.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(f64::NAN)
}
