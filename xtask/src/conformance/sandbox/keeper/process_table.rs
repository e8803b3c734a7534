//! The processes below this one, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// One process, as `/proc/PID/stat` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// Whether it has ended, and its parent has not noticed yet.
    pub(super) is_zombie: bool,
    /// The processor time of the process and of its children that have ended, in hundredths of a
    /// second.
    pub(super) ticks: u64,
    /// The number of its threads.
    pub(super) threads: u64,
    /// When it began. With the id, this identifies a process even if ids are used again.
    pub(super) began: u64,
    /// The resident pages.
    pub(super) pages: u64,
}

impl Process {
    fn read(id: i32) -> Option<Process> {
        Process::parse(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    fn parse(id: i32, stat: &str) -> Option<Process> {
        // The name before it is in parentheses, and may contain any character.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let id_of = |index: usize| fields.get(index)?.parse::<i32>().ok();
        Some(Process {
            id,
            parent: id_of(1)?,
            group: id_of(2)?,
            session: id_of(3)?,
            is_zombie: matches!(fields.first(), Some(&"Z" | &"X")),
            ticks: (11..=14).filter_map(number).sum(),
            threads: number(17)?,
            began: number(19)?,
            pages: number(21)?,
        })
    }

    /// The resident memory, in bytes.
    pub(super) fn resident(&self) -> u64 {
        self.pages * 4096
    }

    pub(super) fn processor_time(&self) -> Duration {
        Duration::from_millis(self.ticks * 10)
    }
}

fn ids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Returns the number of all processes in this process namespace. It is much cheaper to learn than
/// anything else about them.
pub(super) fn count() -> usize {
    ids().count()
}

/// Returns the number of processes and threads that a user has.
pub(super) fn tasks_of(user: u32) -> u64 {
    let own = ids().filter(|id| fs::metadata(format!("/proc/{id}")).is_ok_and(|entry| entry.uid() == user));
    own.filter_map(Process::read).map(|process| process.threads).sum()
}

/// Returns the processes that descend from `ancestor`, itself excluded.
pub(super) fn descendants(ancestor: i32) -> Vec<Process> {
    descendants_in(ancestor, ids().filter_map(Process::read).collect())
}

fn descendants_in(ancestor: i32, all: Vec<Process>) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for process in &all {
        children.entry(process.parent).or_default().push(process.id);
    }
    let (mut found, mut open) = (BTreeSet::new(), vec![ancestor]);
    while let Some(id) = open.pop() {
        open.extend(children.remove(&id).into_iter().flatten().filter(|child| found.insert(*child)));
    }
    all.into_iter().filter(|process| found.contains(&process.id)).collect()
}

/// Returns a figure of the machine's memory in bytes, such as `MemAvailable:`; 0 if the system does
/// not say.
pub(crate) fn memory(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let figure = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    figure.trim().trim_end_matches(" kB").parse().unwrap_or(0) * 1024
}

/// Returns a process's limit for the bytes of its message queues. Processes inherit it, and other
/// users may read it.
pub(super) fn message_limit(id: i32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max msgqueue size"))?;
    limit.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let stat =
            "7 (a) b (c) S 3 4 5 0 -1 4194304 1 2 0 0 10 20 1 2 20 0 1 0 999 1000 50 18446744073709551615";
        let process = Process::parse(7, stat).unwrap();
        let (parent, group, session) = (process.parent, process.group, process.session);
        assert_eq!((parent, group, session, process.is_zombie), (3, 4, 5, false));
        assert_eq!((process.ticks, process.began, process.pages, process.threads), (33, 999, 50, 1));
        assert_eq!(Process::parse(7, "7 (a"), None);
        assert!(Process::read(std::process::id() as i32).is_some_and(|own| own.pages > 0));
    }

    #[test]
    fn descendants_are_found_at_any_depth_and_others_are_not() {
        let process = |id, parent| {
            let stat = format!("{id} (x) S {parent} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
            Process::parse(id, &stat).unwrap()
        };
        let all = vec![process(1, 0), process(2, 1), process(3, 2), process(4, 3), process(5, 1)];
        let found: Vec<i32> = descendants_in(2, all).iter().map(|process| process.id).collect();
        assert_eq!(found, [3, 4]);
    }
}
