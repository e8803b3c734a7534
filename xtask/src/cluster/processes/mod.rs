//! The nodes of a herd as processes: started, waited for, stopped and killed. No node outlives its
//! [`Processes`].

mod environment;
mod launch;
mod own;
mod setup;
mod signals;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use herd::config::{Herd, Member};
use herd::nearest::choices;
use herd::telemetry::{former_log, open_log};
use herd::tls::LinkFiles;

pub use environment::Environment;
pub(crate) use environment::clean_environment;
pub(crate) use launch::{Launch, NodeFiles, ReadyNode};
pub use setup::{AdminPorts, INSECURE_LINKS, Setup};
pub(crate) use signals::kill_group;

use crate::cluster::herd_file::HerdFile;
use crate::cluster::own_program::HerdProgram;
use setup::certify_nodes;
use signals::wait_or_kill;

/// The time limit for nodes to get ready, and what each node adds to it if several start at once.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
const READY_TIMEOUT_EACH: Duration = Duration::from_millis(500);

/// The time limit for a node to stop; then it is killed. A node promises two seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What lists the nodes of a herd that is too large for a message.
pub(crate) const LIST_NODES: &str = "`cargo xtask herd-status`";

/// The time between two polls of a process.
pub(crate) const PROCESS_POLL: Duration = Duration::from_millis(2);

/// The nodes of a herd. When it is dropped, it kills the nodes that run.
#[derive(Debug)]
pub struct Processes {
    file: HerdFile,
    folder: PathBuf,
    launch: Box<dyn Launch>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    member: Member,
    process: Option<Child>,
    ready: ReadyNode,
    /// Whether the process has been paused.
    is_paused: bool,
    /// The node's herd file, if it is not the one that all nodes share.
    view: Option<HerdFile>,
    /// The node's program, if it is not the one of all nodes.
    program: Option<PathBuf>,
}

/// What the harness knows of a node without asking it.
#[derive(Clone, Debug)]
pub(crate) struct KnownNode {
    /// The node in the herd file.
    pub(crate) member: Member,
    /// The process id; `None` if the node is down.
    pub(crate) pid: Option<u32>,
    /// Whether the process has been paused.
    pub(crate) is_paused: bool,
    /// The address of the admin port; `None` if the node is down or has no such port.
    pub(crate) admin: Option<SocketAddr>,
    /// The path of the log.
    pub(crate) log: PathBuf,
}

impl Processes {
    /// Prepares a herd; no node runs yet. Logs of an earlier run in the same folder are truncated.
    /// Links use mutual TLS with certificates from the folder, unless the herd file names others or
    /// the arguments choose plain TCP.
    ///
    /// # Errors
    /// The folder cannot be written, or the certificates cannot be made.
    pub fn new(setup: Setup) -> Result<Processes> {
        let Setup { file, views, program, folder, data, admin, environment, args, variables } = setup;
        let insecure = args.iter().any(|argument| argument == INSECURE_LINKS);
        let certificates = if insecure || file.has_certificates() {
            BTreeMap::new()
        } else {
            certify_nodes(file.herd(), &folder)?
        };
        let names = file.herd().members.iter().map(|member| member.name.clone());
        let admin = match admin {
            AdminPorts::Absent => None,
            AdminPorts::Free => Some(BTreeMap::new()),
            AdminPorts::From(first) => Some(names.zip(first..).collect()),
        };
        let launch = HerdProgram { program, data, admin, environment, args, variables, certificates };
        let mut processes = Processes::launched_by(Box::new(launch), file, folder)?;
        views.into_iter().try_for_each(|(name, view)| processes.set_view(&name, view))?;
        Ok(processes)
    }

    /// Prepares a herd whose nodes run any program; no node runs yet. Logs of an earlier run in the
    /// same folder are truncated.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn launched_by(launch: Box<dyn Launch>, file: HerdFile, folder: PathBuf) -> Result<Processes> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let members = file.herd().members.iter();
        let nodes: Vec<Node> = members
            .map(|member| Node {
                member: member.clone(),
                process: None,
                ready: ReadyNode::default(),
                is_paused: false,
                view: None,
                program: None,
            })
            .collect();
        let processes = Processes { file, folder, launch, nodes };
        let herd = processes.herd_file();
        fs::write(&herd, processes.file.text())
            .with_context(|| format!("cannot write {}", herd.display()))?;
        for name in processes.names() {
            let log = processes.log(&name);
            let _ = fs::remove_file(former_log(&log));
            let emptied = open_log(&log).and_then(|log| log.set_len(0));
            emptied.with_context(|| format!("cannot write {}", log.display()))?;
        }
        Ok(processes)
    }

    /// The herd.
    pub fn herd(&self) -> &Herd {
        self.file.herd()
    }

    /// Returns the names of the nodes, in the order of the herd file.
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.member.name.clone()).collect()
    }

    /// Returns the node called `name` in the herd file.
    ///
    /// # Errors
    /// There is no such node. The message lists the nodes.
    pub fn member(&self, name: &str) -> Result<&Member> {
        self.herd().member(name).ok_or_else(|| self.unknown_node(name))
    }

    /// Returns the path of a node's log.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Returns the address of a node's admin port, or `None` if the node is down or has no such
    /// port.
    ///
    /// # Errors
    /// There is no such node.
    pub fn admin(&mut self, name: &str) -> Result<Option<SocketAddr>> {
        let is_up = self.pid(name)?.is_some();
        Ok(self.node_mut(name)?.ready.admin.filter(|_| is_up))
    }

    /// Returns the certificates that `name` shows its neighbours, or `None` if links are plain TCP.
    pub fn certificates(&self, name: &str) -> Option<LinkFiles> {
        self.launch.certificates(name)
    }

    /// Returns the process id of a node, or `None` if the node is down.
    ///
    /// # Errors
    /// There is no such node, or its process cannot be polled.
    pub fn pid(&mut self, name: &str) -> Result<Option<u32>> {
        let node = self.node_mut(name)?;
        if let Some(process) = &mut node.process
            && process.try_wait().with_context(|| format!("cannot poll the process of {name}"))?.is_some()
        {
            node.process = None;
            node.is_paused = false;
        }
        Ok(node.process.as_ref().map(Child::id))
    }

    /// Returns what is known of each node, in the order of the herd file. Reaps the processes of
    /// nodes that have exited.
    ///
    /// # Errors
    /// A process cannot be polled.
    pub(crate) fn known_nodes(&mut self) -> Result<Vec<KnownNode>> {
        let mut known = Vec::new();
        for name in self.names() {
            let (pid, log) = (self.pid(&name)?, self.log(&name));
            let Node { member, ready, is_paused, .. } = self.node_mut(&name)?;
            let admin = ready.admin.filter(|_| pid.is_some());
            known.push(KnownNode { member: member.clone(), pid, is_paused: *is_paused, admin, log });
        }
        Ok(known)
    }

    /// Starts the named nodes, all at once, and waits until each is ready. Nodes that already run
    /// are left alone.
    ///
    /// # Errors
    /// - There is no such node. No node has been started.
    /// - A node does not get ready. The message quotes the node's last words. That node is killed;
    ///   the others still run.
    pub fn start(&mut self, names: &[String]) -> Result<()> {
        self.start_within(names, READY_TIMEOUT + READY_TIMEOUT_EACH * names.len() as u32)
    }

    /// Starts the named nodes like [`start`](Self::start), with another time limit for all of them
    /// to get ready: a node with a large journal replays it first.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub(crate) fn start_within(&mut self, names: &[String], limit: Duration) -> Result<()> {
        self.check_names(names)?;
        let mut starting = Vec::new();
        for name in names {
            if self.pid(name)?.is_none() {
                let process = self.spawn(name)?;
                self.node_mut(name)?.process = Some(process);
                starting.push(name);
            }
        }
        let deadline = Instant::now() + limit;
        starting.into_iter().try_for_each(|name| self.wait_ready(name, deadline))
    }

    /// Starts all nodes that are down.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_all(&mut self) -> Result<()> {
        self.start(&self.names())
    }

    /// Fails if a name is not the name of a node.
    fn check_names(&self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| self.member(name).map(drop))
    }

    fn node_mut(&mut self, name: &str) -> Result<&mut Node> {
        let unknown = self.unknown_node(name);
        self.nodes.iter_mut().find(|node| node.member.name == name).ok_or(unknown)
    }

    fn unknown_node(&self, name: &str) -> anyhow::Error {
        let names = self.names();
        let choices = choices(name, "nodes", names.iter().map(String::as_str), LIST_NODES);
        anyhow!("no node is called {name}{choices}")
    }

    fn files(&self, name: &str) -> NodeFiles {
        NodeFiles {
            herd: self.herd_file_of(name),
            log: self.log(name),
            errors: self.folder.join(format!("{name}.stderr")),
            program: self.node(name).and_then(|node| node.program.clone()),
        }
    }

    fn spawn(&self, name: &str) -> Result<Child> {
        let files = self.files(name);
        let errors = File::create(&files.errors)
            .with_context(|| format!("cannot write {}", files.errors.display()))?;
        let mut command = self.launch.command(self.member(name)?, &files)?;
        // The node has its own process group, so that Ctrl-C at the terminal reaches the harness
        // alone, which then stops its nodes in order. The pipe to standard input closes when this
        // process exits, and then the node exits too.
        command.process_group(0).stdin(Stdio::piped()).stderr(errors);
        command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))
    }

    /// Waits until a started node is ready. On error, its process has exited.
    fn wait_ready(&mut self, name: &str, deadline: Instant) -> Result<()> {
        let node = self.nodes.iter_mut().find(|node| node.member.name == name);
        let Some(Node { member, process: slot, ready, .. }) = node else { bail!("{name} is not running") };
        let Some(mut process) = slot.take() else { bail!("{name} is not running") };
        match self.launch.wait_ready(member, &mut process, deadline) {
            Ok(Some(reported)) => {
                *ready = reported;
                *slot = Some(process);
                Ok(())
            }
            Ok(None) => Err(self.end_unready(name, &mut process, deadline)?),
            Err(error) => {
                wait_or_kill(&mut process, Instant::now())?;
                Err(error)
            }
        }
    }

    /// Ends a node that did not get ready, and returns an error that says why it did not.
    fn end_unready(&self, name: &str, process: &mut Child, deadline: Instant) -> Result<anyhow::Error> {
        // A node that is about to exit may do so; a node that is late is killed.
        let is_late = Instant::now() >= deadline;
        let patience = if is_late { Duration::ZERO } else { STOP_TIMEOUT };
        let status = wait_or_kill(process, Instant::now() + patience)?;
        let how = if is_late { "killed after the timeout".to_owned() } else { status.to_string() };
        let NodeFiles { log, errors, .. } = self.files(name);
        let last_words = last_lines(&errors).or_else(|| last_lines(&log));
        let last_words = last_words.unwrap_or_else(|| "it printed nothing".to_owned());
        let program = self.launch.program();
        Ok(anyhow!("{name} did not get ready ({how}): {last_words}\n(`{program}`, log {})", log.display()))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in self.nodes.iter_mut().filter_map(|node| node.process.as_mut()) {
            kill_group(process);
            let _ = process.wait();
        }
    }
}

/// Returns the last five lines of a file, or `None` if it has no lines.
fn last_lines(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    (!last.is_empty()).then_some(last)
}
