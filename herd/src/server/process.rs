//! The resource usage of this process. A value that the system does not provide is 0.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use serde::Serialize;

/// The usage at one moment, with the names of Prometheus's client libraries.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_memory_bytes: u64,
    pub(super) virtual_memory_bytes: u64,
    pub(super) open_fds: u64,
    pub(super) max_fds: u64,
    /// The start of the process, in seconds since 1970.
    pub(super) start_time_seconds: f64,
}

impl Process {
    pub(super) fn look() -> Process {
        let [virtual_memory_bytes, resident_memory_bytes] = memory().unwrap_or_default();
        // One descriptor is that of the folder being read.
        let open_fds = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
        Process {
            cpu_seconds: cpu().unwrap_or_default().as_secs_f64(),
            resident_memory_bytes,
            virtual_memory_bytes,
            open_fds: open_fds as u64,
            max_fds: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
            start_time_seconds: start().unwrap_or_default().as_secs_f64(),
        }
    }
}

/// The resident memory of the process in bytes, if the system provides it.
pub(super) fn resident() -> Option<u64> {
    memory().map(|[_, resident]| resident)
}

/// The virtual and the resident memory of the process, in bytes.
fn memory() -> Option<[u64; 2]> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    let mut pages = statm.split(' ').map(|pages| pages.parse::<u64>().ok());
    Some([pages.next()?? * page, pages.next()?? * page])
}

fn cpu() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let spent = usage.user_time() + usage.system_time();
    Some(Duration::from_micros(u64::try_from(spent.num_microseconds()).ok()?))
}

/// The start of the process, since 1970.
fn start() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may contain any characters.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: f64 = fields.split(' ').nth(19)?.parse().ok()?;
    let after_boot = ticks / sysconf(SysconfVar::CLK_TCK).ok()?? as f64;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot = system.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(Duration::from_secs_f64(boot.trim().parse::<f64>().ok()? + after_boot))
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let process = Process::look();
        assert!(process.resident_memory_bytes > 0, "{process:?}");
        assert!(process.virtual_memory_bytes >= process.resident_memory_bytes, "{process:?}");
        assert!((1..process.max_fds).contains(&process.open_fds), "{process:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        // The system counts in ticks, and its clock may be set. A tolerance of a day still detects
        // a wrong field.
        assert!((now - process.start_time_seconds).abs() < 86_400.0, "{process:?} at {now}");
    }

    #[test]
    fn work_costs_time() {
        let before = Process::look().cpu_seconds;
        while Process::look().cpu_seconds <= before {}
    }
}
