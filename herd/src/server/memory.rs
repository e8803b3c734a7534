//! The memory limit of the process.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::process::resident;

/// The default limit, as a part of the memory of the machine or of the process's control group.
const SHARE: (u64, u64) = (3, 4);

/// Whether the process exceeds its memory limit. Above the limit, the node rejects new client ids
/// from clients and neighbours, so that the kernel does not kill it.
#[derive(Debug)]
pub(super) struct Memory {
    bound: Option<u64>,
    full: AtomicBool,
}

impl Memory {
    /// A limit of `bound` bytes; if `None`, three quarters of the memory.
    pub(super) fn new(bound: Option<u64>) -> Memory {
        let share = || available_memory().map(|bytes| bytes / SHARE.1 * SHARE.0);
        let memory = Memory { bound: bound.or_else(share), full: AtomicBool::new(false) };
        memory.look();
        memory
    }

    /// Measures the memory in use. To be called a few times a second.
    pub(super) fn look(&self) {
        let Some(bound) = self.bound else { return };
        let full = resident().is_some_and(|bytes| bytes > bound);
        self.full.store(full, Ordering::Relaxed);
    }

    /// Whether the last measurement exceeded the limit.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The limit in bytes, if there is one.
    pub(super) fn bound(&self) -> Option<u64> {
        self.bound
    }
}

/// Returns the memory available to the process in bytes: that of the machine, or that of its
/// control group if it is less; `None` if the system does not say.
pub fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = total.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024;
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(group_bounds(&group).into_iter().fold(machine, u64::min))
}

/// The limits of the process's control group and of its parents. `groups` is the text of
/// `/proc/self/cgroup`.
fn group_bounds(groups: &str) -> Vec<u64> {
    let mut bounds = Vec::new();
    for group in groups.lines() {
        let mut fields = group.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let folder = Path::new(root).join(path.trim_start_matches('/'));
        // A group without a limit has the text "max".
        let read = |folder: &Path| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
        let around = folder.ancestors().take_while(|folder| folder.starts_with(root));
        bounds.extend(around.filter_map(read));
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_full_beyond_its_bound() {
        for (bound, full) in [(1, true), (u64::MAX, false)] {
            assert_eq!(Memory::new(Some(bound)).is_full(), full);
        }
    }

    #[test]
    fn without_a_bound_it_is_a_part_of_what_the_machine_has() {
        let bound = Memory::new(None).bound().unwrap();
        assert!(bound > resident().unwrap(), "{bound}");
    }
}
