//! The nodes that a keeper runs, and what it does on request.

use std::collections::BTreeMap;
use std::io::{self, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;

use super::families::{Families, Node, in_words};
use super::output::Output;
use super::process_table::Process;
use super::protocol::{Answer, NodeState, Request, Start, State, Task, Usage};
use crate::cluster::processes::clean_environment;
use crate::conformance::sandbox::{Mode, NO_CAPABILITIES};

/// The limit for message queues, in bytes, of the first node's processes; each further node has one
/// more. It tells the node of a process that has left its parent, its group and its session.
const MARK: u64 = 700_000;

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
    inner: Mutex<Families>,
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
        let mark = self.mark(&start.node)?;
        let mut command = self.command(start);
        let child = command.stdout(standard_output).stderr(standard_error).spawn()?;
        // The command holds the writing ends of the pipes.
        drop(command);
        output.drain(output_pipe)?;
        errors.drain(error_pipe)?;
        let first = child.id() as i32;
        // If memory runs out, the system should choose a guest.
        let _ = std::fs::write(format!("/proc/{first}/oom_score_adj"), "500");
        inner.nodes.insert(start.node.clone(), Node { first, exit: None, mark });
        inner.look = None;
        Ok(())
    }

    /// Sets the limit that marks the processes of a node. The node inherits it.
    fn mark(&self, node: &str) -> io::Result<u64> {
        let index = self.outputs.keys().position(|name| name == node).unwrap_or_default();
        let mark = MARK + index as u64;
        let (_, hard) = getrlimit(Resource::RLIMIT_MSGQUEUE)?;
        setrlimit(Resource::RLIMIT_MSGQUEUE, mark.min(hard), hard)?;
        Ok(mark)
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
        command.envs(start.variables.iter().map(|(name, value)| (name, value)));
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
        let mut looks_without = 0;
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
            looks_without = if own.is_empty() && exit.is_some() { looks_without + 1 } else { 0 };
            inner.look = None;
            drop(inner);
            // A look can miss a process whose parent ends meanwhile.
            if looks_without == 2 {
                return Answer::Done;
            }
            stop_and_kill(&own);
            thread::sleep(POLL);
        }
    }

    /// Kills every process, and returns when none is left.
    pub(super) fn kill_all(&self) {
        // Every process whose parent ends becomes a child of this one, so the last one is a child.
        while self.lock().reap() {
            if self.task.mode == Mode::Namespaces {
                // This process is the first of its namespace, so this means all others in it.
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
            let own: Vec<i32> = self.refresh().iter().map(|process| process.id).collect();
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
        let mut processes = inner.refresh();
        // A look can miss a process whose parent ends meanwhile, as that of a daemon does.
        let has_vanished = |node: &str| inner.of_node(node, &processes).next().is_none();
        if inner.nodes.iter().any(|(name, node)| node.exited_well() && has_vanished(name)) {
            inner.look = None;
            processes = inner.refresh();
        }
        let nodes = inner.nodes.iter().map(|(name, node)| NodeState {
            node: name.clone(),
            processes: inner.of_node(name, &processes).count(),
            exit: node.exit.map(in_words),
            exited_well: node.exited_well(),
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

    fn lock(&self) -> MutexGuard<'_, Families> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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
