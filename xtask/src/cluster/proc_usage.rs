//! Usage of processor, memory and file descriptors, from `/proc`.

use std::fs;

use anyhow::{Context, Result};

/// Returns the seconds of processor time that a process has used.
///
/// # Errors
/// The process has exited.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0.0;
    // `stat` has the sum over the threads, but in hundredths of a second: too coarse for an idle
    // process. `schedstat` of each thread has nanoseconds.
    for thread in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| has_exited(pid))? {
        let stat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += stat.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0.0);
    }
    Ok(nanoseconds / 1e9)
}

/// Returns the resident memory of a process, in bytes.
///
/// # Errors
/// The process has exited.
pub(crate) fn resident_bytes(pid: u32) -> Result<f64> {
    status_bytes(pid, "VmRSS").map(|bytes| bytes as f64)
}

/// Returns the peak of the resident memory of a process, in bytes.
///
/// # Errors
/// The process has exited.
pub(crate) fn peak_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmHWM")
}

/// Returns the number of open file descriptors of a process.
///
/// # Errors
/// The process has exited.
pub(crate) fn open_files(pid: u32) -> Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd")).with_context(|| has_exited(pid))?.count() as u64)
}

/// Returns a field of `/proc/PID/status`, which is in kB there, in bytes.
fn status_bytes(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| has_exited(pid))?;
    let mut fields = status.lines().filter_map(|line| line.split_once(':'));
    let value = fields.find(|(name, _)| *name == field).map(|(_, value)| value.trim());
    let value = value.with_context(|| format!("no {field} line in {path}: the process has exited"))?;
    let kilobytes: u64 = value
        .trim_end_matches(" kB")
        .parse()
        .with_context(|| format!("cannot parse {field} in {path}: {value}"))?;
    Ok(kilobytes * 1024)
}

fn has_exited(pid: u32) -> String {
    format!("process {pid} has exited")
}

/// Returns the machine's load average over the last minute, or NaN if it cannot be read.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(f64::NAN)
}
