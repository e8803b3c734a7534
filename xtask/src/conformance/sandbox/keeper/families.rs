//! Which process belongs to which node.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::process_table::{Process, descendants, message_limit};

/// The nodes that have been started, and which process belongs to which.
#[derive(Default)]
pub(super) struct Families {
    pub(super) nodes: BTreeMap<String, Node>,
    /// The node of each process that is known, by its id and its beginning.
    pub(super) owners: BTreeMap<(i32, u64), String>,
    /// The last look at the processes since a node was started.
    pub(super) look: Option<Look>,
}

/// A look at the processes.
pub(super) struct Look {
    pub(super) processes: Vec<Process>,
    pub(super) ended: Instant,
    pub(super) took: Duration,
}

/// A node that has been started.
pub(super) struct Node {
    /// The id of its first process, which is also that of its group and session.
    pub(super) first: i32,
    /// How its first process has ended.
    pub(super) exit: Option<WaitStatus>,
    /// The limit that marks its processes.
    pub(super) mark: u64,
}

impl Node {
    pub(super) fn exited_well(&self) -> bool {
        matches!(self.exit, Some(WaitStatus::Exited(_, 0)))
    }
}

impl Families {
    /// Notes the children that have ended. Returns whether others are left.
    pub(super) fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return true,
                Ok(status) => {
                    let ended = status.pid().map(Pid::as_raw);
                    let node = self.nodes.values_mut().find(|node| Some(node.first) == ended);
                    if let Some(node) = node {
                        node.exit = Some(status);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Returns the processes that run.
    pub(super) fn refresh(&mut self) -> Vec<Process> {
        self.reap();
        // A look at thousands of processes takes long. At most half of the time is spent on looks.
        if let Some(look) = self.look.as_ref().filter(|look| look.ended.elapsed() < look.took) {
            return look.processes.clone();
        }
        let started = Instant::now();
        let mut processes = descendants(getpid().as_raw());
        processes.retain(|process| !process.is_zombie);
        self.owners = self.find_owners(&processes);
        self.look =
            Some(Look { processes: processes.clone(), ended: Instant::now(), took: started.elapsed() });
        processes
    }

    /// Finds the node of each process: that of its parent, its group or its session, the one that
    /// it had before, or the one of its mark.
    fn find_owners(&self, processes: &[Process]) -> BTreeMap<(i32, u64), String> {
        let by_id: BTreeMap<i32, &Process> = processes.iter().map(|process| (process.id, process)).collect();
        let first = |id: i32| self.nodes.iter().find(|(_, node)| node.first == id).map(|(name, _)| name);
        let direct = |process: &Process| {
            let known = || self.owners.get(&(process.id, process.began));
            [process.id, process.group, process.session].into_iter().find_map(first).or_else(known)
        };
        let owner = |process: &Process| {
            let mut ancestor = Some(process);
            while let Some(current) = ancestor {
                if let Some(name) = direct(current) {
                    return Some(name.clone());
                }
                ancestor = by_id.get(&current.parent).copied();
            }
            let mark = message_limit(process.id)?;
            self.nodes.iter().find(|(_, node)| node.mark == mark).map(|(name, _)| name.clone())
        };
        let owned =
            processes.iter().filter_map(|process| Some(((process.id, process.began), owner(process)?)));
        owned.collect()
    }

    pub(super) fn of_node<'a>(
        &'a self,
        node: &'a str,
        processes: &'a [Process],
    ) -> impl Iterator<Item = &'a Process> {
        processes.iter().filter(move |process| {
            self.owners.get(&(process.id, process.began)).is_some_and(|owner| owner == node)
        })
    }
}

/// Returns how a process ended, in words.
pub(super) fn in_words(status: WaitStatus) -> String {
    match status {
        // A shell's way to say that its command was killed.
        WaitStatus::Exited(_, code) if code > 128 => match Signal::try_from(code - 128) {
            Ok(signal) => format!("exited with status {code} ({signal})"),
            Err(_) => format!("exited with status {code}"),
        },
        WaitStatus::Exited(_, code) => format!("exited with status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("was killed by {signal}"),
        other => format!("ended: {other:?}"),
    }
}
