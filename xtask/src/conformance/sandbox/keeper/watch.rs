//! The limits that the system does not enforce: processes, memory and disk space of a herd.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

use super::nodes::Nodes;
use super::process_table::{Process, count, memory};
use super::protocol::Limits;
use crate::conformance::sandbox::Mode;

/// How often processes and memory are looked at. Without namespaces, all processes of the machine
/// have to be read.
const EVERY: Duration = Duration::from_millis(50);
const EVERY_ELSEWHERE: Duration = Duration::from_millis(100);

/// How often the disk is looked at.
const DISK_EVERY: Duration = Duration::from_secs(1);

/// Watches a herd in a thread, until the keeper ends.
pub(super) fn start(nodes: &Arc<Nodes>) {
    let pause = if nodes.task().mode == Mode::Namespaces { EVERY } else { EVERY_ELSEWHERE };
    let nodes = Arc::downgrade(nodes);
    thread::spawn(move || watch(&nodes, pause));
}

fn watch(nodes: &Weak<Nodes>, pause: Duration) {
    let (mut disk, available) = (None, memory("MemAvailable:"));
    while let Some(nodes) = nodes.upgrade() {
        let limits = nodes.task().limits;
        let folders = &nodes.task().writable;
        let broken = too_many(nodes.task().mode, &limits)
            .or_else(|| beyond(&limits, &nodes.refresh(), available))
            .or_else(|| disk.get_or_insert_with(|| Disk::new(folders)).beyond(folders, limits.disk));
        if let Some(why) = broken {
            nodes.end(why);
        }
        drop(nodes);
        thread::sleep(pause);
    }
}

/// Counts processes where all of them are the herd's, which is quick even if they are thousands.
fn too_many(mode: Mode, limits: &Limits) -> Option<String> {
    (mode == Mode::Namespaces && count() > limits.processes).then(|| many(limits))
}

fn many(limits: &Limits) -> String {
    format!("the herd had more than {} processes", limits.processes)
}

fn beyond(limits: &Limits, processes: &[Process], available: u64) -> Option<String> {
    if processes.len() > limits.processes {
        return Some(many(limits));
    }
    // The sum counts a page once for each process that has it: what a node shares with the
    // processes that it forks would count too often. So the machine must have lost as much memory
    // too.
    let resident: u64 = processes.iter().map(Process::resident).sum();
    let lost = || available.saturating_sub(memory("MemAvailable:"));
    let is_beyond = resident > limits.memory && lost() > limits.memory;
    is_beyond.then(|| format!("the herd used more than {} MiB of memory", limits.memory >> 20))
}

/// The disk that holds the folders of a herd.
struct Disk {
    free: u64,
    size: u64,
    looked: Instant,
}

impl Disk {
    fn new(folders: &[PathBuf]) -> Disk {
        Disk { free: free(folders), size: sizes(folders), looked: Instant::now() }
    }

    /// Measures the folders if the disk has lost as much as they may grow by.
    fn beyond(&mut self, folders: &[PathBuf], limit: u64) -> Option<String> {
        if self.looked.elapsed() < DISK_EVERY {
            return None;
        }
        self.looked = Instant::now();
        let lost = self.free.saturating_sub(free(folders));
        let is_beyond = lost > limit && sizes(folders).saturating_sub(self.size) > limit;
        is_beyond.then(|| format!("the herd wrote more than {} MiB of files", limit >> 20))
    }
}

fn free(folders: &[PathBuf]) -> u64 {
    let disk = folders.first().and_then(|folder| statvfs(folder).ok());
    disk.map_or(0, |disk| disk.blocks_available() * disk.fragment_size())
}

fn sizes(folders: &[PathBuf]) -> u64 {
    folders.iter().map(|folder| size(folder)).sum()
}

/// The bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
