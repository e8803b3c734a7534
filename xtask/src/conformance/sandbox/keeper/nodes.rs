//! The nodes that a keeper runs, and which process belongs to which node.

use std::collections::BTreeMap;
use std::io::{self, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::output::Output;
use super::process_table::{Process, descendants, variable};
use super::protocol::{Answer, NodeState, Request, Start, State, Task, Usage};
use crate::cluster::processes::clean_environment;
use crate::conformance::sandbox::{Mode, NO_CAPABILITIES};

/// The variable that names a process's node, also after it has left its parent and its group.
const MARK: &str = "CONFORMANCE_NODE";

/// The pause between two looks at processes that should end.
const POLL: Duration = Duration::from_millis(2);

/// How long what a node has printed may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The standard output and the standard error of each node, by its name.
pub(super) type Outputs = BTreeMap<String, (Output, Output)>;

/// The nodes of a keeper.
pub(super) struct Nodes {
    task: Task,
    /// Whether `/tmp` belongs to the herd alone.
    fresh_tmp: bool,
    outputs: Outputs,
    /// Why this keeper has ended the herd.
    ended: OnceLock<String>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    nodes: BTreeMap<String, Node>,
    /// The node of each process that is known, by its id and its beginning.
    owners: BTreeMap<(i32, u64), String>,
    /// The last look at the processes since a node was started.
    look: Option<Look>,
}

struct Look {
    processes: Vec<Process>,
    ended: Instant,
    took: Duration,
}

struct Node {
    first: i32,
    exit: Option<WaitStatus>,
}

impl Nodes {
    pub(super) fn new(task: Task, outputs: Outputs, fresh_tmp: bool) -> Nodes {
        Nodes { task, fresh_tmp, outputs, ended: OnceLock::new(), inner: Mutex::default() }
    }

    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    pub(super) fn perform(&self, request: Request) -> Answer {
        match request {
            Request::Start(start) => match self.start(&start) {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Refused(format!("cannot start {}: {error}", start.node)),
            },
            Request::Signal(node, number) => self.signal(&node, number),
            Request::Kill(node) => self.kill(&node),
            Request::Look => Answer::State(self.state()),
            Request::Words(node) => self.words(&node),
            Request::Usage => Answer::Usage(self.usage()),
        }
    }

    fn start(&self, start: &Start) -> io::Result<()> {
        // The lock keeps the watching thread from waiting for the child before it is known.
        let mut inner = self.lock();
        if let Some(why) = self.ended.get() {
            return Err(io::Error::other(why.clone()));
        }
        let Some((output, errors)) = self.outputs.get(&start.node) else {
            return Err(io::Error::other("the keeper's task does not name it"));
        };
        let ((output_pipe, standard_output), (error_pipe, standard_error)) = (pipe()?, pipe()?);
        let mut command = self.command(start);
        let child = command.stdout(standard_output).stderr(standard_error).spawn()?;
        // The command holds the writing ends of the pipes.
        drop(command);
        output.drain(output_pipe)?;
        errors.drain(error_pipe)?;
        let first = child.id() as i32;
        // If memory runs out, the system should choose a guest.
        let _ = std::fs::write(format!("/proc/{first}/oom_score_adj"), "500");
        inner.nodes.insert(start.node.clone(), Node { first, exit: None });
        inner.look = None;
        Ok(())
    }

    fn command(&self, start: &Start) -> Command {
        // A session has its own process group. Systems also share the processor between sessions,
        // so a node with many processes does not leave the keeper without.
        let mut command = Command::new("setsid");
        if self.task.mode == Mode::Namespaces {
            command.args(NO_CAPABILITIES);
        }
        command.args(["/bin/sh", "-c", &start.command]).stdin(Stdio::null());
        if !self.task.whole_environment {
            clean_environment(&mut command);
        }
        command.envs(start.variables.iter().map(|(name, value)| (name, value))).env(MARK, &start.node);
        if self.fresh_tmp {
            command.env("TMPDIR", "/tmp");
        }
        if let Some(folder) = self.task.writable.first() {
            command.current_dir(folder).env("PWD", folder);
        }
        if let Some(user) = self.task.user {
            // The home of this process's user is closed to others.
            command.uid(user).gid(user).envs(self.task.writable.get(1).map(|folder| ("HOME", folder)));
        }
        command
    }

    fn signal(&self, node: &str, number: i32) -> Answer {
        let Ok(signal) = Signal::try_from(number) else {
            return Answer::Refused(format!("{number} is not a signal"));
        };
        let mut inner = self.lock();
        let processes = inner.refresh();
        match inner.nodes.get(node) {
            None => return Answer::Refused(format!("{node} has not been started")),
            Some(Node { first, exit: None, .. }) => {
                let _ = killpg(Pid::from_raw(*first), signal);
            }
            Some(_) => inner.of_node(node, &processes).for_each(|process| {
                let _ = kill(Pid::from_raw(process.id), signal);
            }),
        }
        Answer::Done
    }

    /// Kills the processes of a node, and returns when none is left.
    fn kill(&self, node: &str) -> Answer {
        loop {
            let mut inner = self.lock();
            let processes = inner.refresh();
            let Some(Node { first, exit, .. }) = inner.nodes.get(node) else {
                return Answer::Refused(format!("{node} has not been started"));
            };
            if exit.is_none() {
                let _ = killpg(Pid::from_raw(*first), Signal::SIGKILL);
            }
            let own: Vec<i32> = inner.of_node(node, &processes).map(|process| process.id).collect();
            let has_ended = exit.is_some();
            drop(inner);
            if own.is_empty() && has_ended {
                return Answer::Done;
            }
            stop_and_kill(&own);
            thread::sleep(POLL);
        }
    }

    /// Kills every process, and returns when none is left.
    pub(super) fn kill_all(&self) {
        loop {
            if self.task.mode == Mode::Namespaces {
                // This process is the first of its namespace, so this means all others in it.
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
            let own: Vec<i32> = self.refresh().iter().map(|process| process.id).collect();
            if own.is_empty() {
                return;
            }
            stop_and_kill(&own);
            thread::sleep(POLL);
        }
    }

    /// Ends the herd for a reason that [`State`] shows.
    pub(super) fn end(&self, why: String) {
        // Not under the lock: a herd with thousands of processes slows its holder.
        let _ = self.ended.set(why);
        self.kill_all();
    }

    /// Waits for the processes that have ended, and returns those that run.
    pub(super) fn refresh(&self) -> Vec<Process> {
        self.lock().refresh()
    }

    fn state(&self) -> State {
        let mut inner = self.lock();
        let processes = inner.refresh();
        let nodes = inner.nodes.iter().map(|(name, node)| NodeState {
            node: name.clone(),
            processes: inner.of_node(name, &processes).count(),
            exit: node.exit.map(in_words),
            exited_well: matches!(node.exit, Some(WaitStatus::Exited(_, 0))),
        });
        State { nodes: nodes.collect(), ended: self.ended.get().cloned() }
    }

    fn words(&self, node: &str) -> Answer {
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            let inner = self.lock();
            let (Some(process), Some((output, errors))) = (inner.nodes.get(node), self.outputs.get(node))
            else {
                return Answer::Refused(format!("{node} has not been started"));
            };
            let is_whole = output.has_ended() && errors.has_ended();
            if process.exit.is_none() || is_whole || Instant::now() > deadline {
                return Answer::Words(output.tail(), errors.tail());
            }
            drop(inner);
            thread::sleep(POLL);
        }
    }

    fn usage(&self) -> Usage {
        let processes = self.refresh();
        let ended = getrusage(UsageWho::RUSAGE_CHILDREN)
            .map_or(0, |usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
        let running: Duration = processes.iter().map(Process::processor_time).sum();
        Usage {
            processes: processes.len(),
            cpu: Duration::from_micros(ended as u64) + running,
            resident: processes.iter().map(Process::resident).sum(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn refresh(&mut self) -> Vec<Process> {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let Some(ended) = status.pid() else { break };
            let node = self.nodes.values_mut().find(|node| node.first == ended.as_raw());
            if let Some(node) = node {
                node.exit = Some(status);
            }
        }
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
    /// it had before, or the one that its environment names.
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
            variable(process.id, MARK)
        };
        let owned =
            processes.iter().filter_map(|process| Some(((process.id, process.began), owner(process)?)));
        owned.collect()
    }

    fn of_node<'a>(&'a self, node: &'a str, processes: &'a [Process]) -> impl Iterator<Item = &'a Process> {
        processes.iter().filter(move |process| {
            self.owners.get(&(process.id, process.began)).is_some_and(|owner| owner == node)
        })
    }
}

/// Stops processes before it kills them, so that none of them forks while others are killed.
fn stop_and_kill(ids: &[i32]) {
    for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
        for id in ids {
            let _ = kill(Pid::from_raw(*id), signal);
        }
    }
}

fn in_words(status: WaitStatus) -> String {
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
