//! The nodes of a herd as processes: started, waited for, stopped, killed; none outlives its owner.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use herd::config::{Herd, Member};
use herd::telemetry::open_log;
use herd::tls::{Authority, LinkFiles};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::cluster::herd_file::HerdFile;
use crate::cluster::own_program::HerdProgram;

/// How long nodes may take to get ready, and how much longer for each that starts at the same time.
const READY: Duration = Duration::from_secs(10);
const READY_EACH: Duration = Duration::from_millis(500);

/// How long a node may take to stop before it is killed. It promises two seconds.
const STOP: Duration = Duration::from_secs(5);

/// The argument of nodes by which their links are plain TCP.
pub const INSECURE_LINKS: &str = "--insecure-links";

/// How often a node is looked after while something is waited for.
pub(crate) const POLL: Duration = Duration::from_millis(2);

/// What a node sees of its caller's environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// All of it.
    Inherited,
    /// All but `HERD_*` and proxy variables: what a test measures must not depend on them, and a real key would
    /// be billed.
    Clean,
}

/// How the nodes of a herd are started, all with the node program of this workspace.
#[derive(Debug)]
pub struct Setup {
    /// The herd.
    pub file: HerdFile,
    /// What single nodes are told of the herd instead, by name: other addresses of their neighbours.
    pub views: BTreeMap<String, HerdFile>,
    /// The node program.
    pub program: PathBuf,
    /// Where the herd file and the logs go; made if it is not there.
    pub folder: PathBuf,
    /// Where each node has a data folder, called like it; without one nodes keep what they know in memory.
    pub data: Option<PathBuf>,
    /// Where the first node listens for operators, the others behind it; any free port if `None`.
    pub admin: Option<u16>,
    /// What nodes see of this process's environment.
    pub environment: Environment,
    /// Arguments for every node, after its name.
    pub args: Vec<OsString>,
    /// Environment variables for every node; `None` takes one away.
    pub variables: Vec<(&'static str, Option<OsString>)>,
}

impl Setup {
    /// Nodes in memory and in a clean environment, with nothing more on their command lines.
    pub fn clean(file: HerdFile, program: PathBuf, folder: PathBuf) -> Setup {
        let environment = Environment::Clean;
        let (views, args, variables) = (BTreeMap::new(), Vec::new(), Vec::new());
        Setup { file, views, program, folder, data: None, admin: None, environment, args, variables }
    }
}

/// What is run as the nodes of a herd, and how it is known to be ready.
pub(crate) trait Launch: Debug + Send {
    /// What is run, as messages name it.
    fn program(&self) -> String;

    /// The certificates by which `name` is known to its neighbours, if it needs any.
    fn certificates(&self, name: &str) -> Option<LinkFiles>;

    /// The command that runs a node, with its environment and its standard output set.
    ///
    /// # Errors
    /// A file for it cannot be written.
    fn command(&self, node: &Member, files: &Files) -> Result<Command>;

    /// Waits until a node that has been started is ready; `None` when it ends before, or is late.
    ///
    /// # Errors
    /// It got ready otherwise than it should.
    fn wait_ready(&self, node: &Member, process: &mut Child, deadline: Instant) -> Result<Option<Ready>>;
}

/// What a node that is ready tells of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    /// Where it tells how it is, over HTTP.
    pub(crate) admin: Option<SocketAddr>,
}

/// The files of a node.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The herd file, which all nodes share.
    pub(crate) herd: PathBuf,
    /// The node's log.
    pub(crate) log: PathBuf,
    /// What it writes to standard error.
    pub(crate) errors: PathBuf,
}

/// The nodes of a herd. Dropping it kills those that run.
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
    ready: Ready,
}

impl Processes {
    /// Prepares a herd; no node runs yet. Logs of an earlier run in the same folder are emptied. Links are encrypted, with
    /// certificates from the folder, unless the herd file names others or the arguments choose plain links.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(setup: Setup) -> Result<Processes> {
        let Setup { file, views, program, folder, data, admin, environment, args, variables } = setup;
        let insecure = args.iter().any(|argument| argument == INSECURE_LINKS);
        let certificates = if insecure || file.has_certificates() {
            BTreeMap::new()
        } else {
            certify(file.herd(), &folder)?
        };
        let names = file.herd().members.iter().map(|member| member.name.clone());
        let admin = admin.map(|first| names.zip(first..).collect()).unwrap_or_default();
        let launch = HerdProgram { program, views, data, admin, environment, args, variables, certificates };
        Processes::launched_by(Box::new(launch), file, folder)
    }

    /// The same for nodes of any kind.
    pub(crate) fn launched_by(launch: Box<dyn Launch>, file: HerdFile, folder: PathBuf) -> Result<Processes> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let members = file.herd().members.iter();
        let nodes: Vec<Node> = members
            .map(|member| Node { member: member.clone(), process: None, ready: Ready::default() })
            .collect();
        let processes = Processes { file, folder, launch, nodes };
        let herd = processes.herd_file();
        fs::write(&herd, processes.file.text())
            .with_context(|| format!("cannot write {}", herd.display()))?;
        for name in processes.names() {
            let log = processes.log(&name);
            let emptied = open_log(&log).and_then(|log| log.set_len(0));
            emptied.with_context(|| format!("cannot write {}", log.display()))?;
        }
        Ok(processes)
    }

    /// The herd.
    pub fn herd(&self) -> &Herd {
        self.file.herd()
    }

    /// The names of the nodes, in the order of the herd file.
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.member.name.clone()).collect()
    }

    /// The node called `name` in the herd file.
    ///
    /// # Errors
    /// There is none; the message lists those there are.
    pub fn member(&self, name: &str) -> Result<&Member> {
        self.herd().member(name).ok_or_else(|| self.unknown(name))
    }

    /// The log file of a node.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Where a node that is up tells how it is, over HTTP; `None` if it is not up, or of another kind.
    ///
    /// # Errors
    /// There is no such node.
    pub fn admin(&mut self, name: &str) -> Result<Option<SocketAddr>> {
        let is_up = self.pid(name)?.is_some();
        Ok(self.node(name)?.ready.admin.filter(|_| is_up))
    }

    /// The certificates by which the member `name` is known to its neighbours; `None` if links are
    /// plain.
    pub fn certificates(&self, name: &str) -> Option<LinkFiles> {
        self.launch.certificates(name)
    }

    /// The process id of a node, `None` when it is down.
    ///
    /// # Errors
    /// There is no such node.
    pub fn pid(&mut self, name: &str) -> Result<Option<u32>> {
        let node = self.node(name)?;
        if let Some(process) = &mut node.process
            && process.try_wait().context("cannot look after a node")?.is_some()
        {
            node.process = None;
        }
        Ok(node.process.as_ref().map(Child::id))
    }

    /// Takes note of nodes that have ended.
    ///
    /// # Errors
    /// The system does not tell about processes.
    pub(crate) fn reap(&mut self) -> Result<()> {
        self.names().iter().try_for_each(|name| self.pid(name).map(drop))
    }

    /// Starts the nodes named, all at once, and waits until each listens. Nodes that run are left alone.
    ///
    /// # Errors
    /// There is no such node, and none has been started; or one does not start: the message says why, in its own
    /// words, and the others run on.
    pub fn start(&mut self, names: &[String]) -> Result<()> {
        self.check_names(names)?;
        let mut starting = Vec::new();
        for name in names {
            if self.pid(name)?.is_none() {
                let process = self.spawn(name)?;
                self.node(name)?.process = Some(process);
                starting.push(name);
            }
        }
        let deadline = Instant::now() + READY + READY_EACH * starting.len() as u32;
        starting.into_iter().try_for_each(|name| self.wait_ready(name, deadline))
    }

    /// Starts all nodes that do not run.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_all(&mut self) -> Result<()> {
        self.start(&self.names())
    }

    /// Stops the nodes named, all at once, and waits until they have ended; kills those that do not end in time.
    ///
    /// # Errors
    /// There is no such node, and none has been touched; or a node cannot be looked after.
    pub fn stop(&mut self, names: &[String]) -> Result<()> {
        self.end(names, Signal::SIGTERM)
    }

    /// Kills the nodes named with SIGKILL, and waits until they have ended.
    ///
    /// # Errors
    /// As for [`stop`](Self::stop).
    pub fn kill(&mut self, names: &[String]) -> Result<()> {
        self.end(names, Signal::SIGKILL)
    }

    /// Stops all nodes.
    ///
    /// # Errors
    /// A node cannot be looked after; it is killed when this value is dropped.
    pub fn stop_all(&mut self) -> Result<()> {
        self.stop(&self.names())
    }

    /// Fails when one of the names is no node's.
    fn check_names(&self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| self.member(name).map(drop))
    }

    fn end(&mut self, names: &[String], signal: Signal) -> Result<()> {
        self.check_names(names)?;
        for name in names {
            if let Some(pid) = self.pid(name)? {
                let pid = Pid::from_raw(pid as i32);
                // A node that has just ended by itself is what was wanted.
                let _ = if signal == Signal::SIGKILL { killpg(pid, signal) } else { kill(pid, signal) };
            }
        }
        let deadline = Instant::now() + STOP;
        for name in names {
            if let Some(mut process) = self.node(name)?.process.take() {
                wait_or_kill(&mut process, deadline)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, name: &str) -> Result<&mut Node> {
        let unknown = self.unknown(name);
        self.nodes.iter_mut().find(|node| node.member.name == name).ok_or(unknown)
    }

    fn unknown(&self, name: &str) -> anyhow::Error {
        anyhow!("no node is called {name}: the nodes are {}", self.names().join(", "))
    }

    fn herd_file(&self) -> PathBuf {
        self.folder.join("herd.toml")
    }

    fn files(&self, name: &str) -> Files {
        Files {
            herd: self.herd_file(),
            log: self.log(name),
            errors: self.folder.join(format!("{name}.stderr")),
        }
    }

    fn spawn(&self, name: &str) -> Result<Child> {
        let files = self.files(name);
        let errors = File::create(&files.errors)
            .with_context(|| format!("cannot write {}", files.errors.display()))?;
        let mut command = self.launch.command(self.member(name)?, &files)?;
        // A group of its own: Ctrl-C at the terminal is for the harness, which stops its nodes in order. And a
        // pipe to standard input that nobody writes to: it ends with this process, and so does the node.
        command.process_group(0).stdin(Stdio::piped()).stderr(errors);
        command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))
    }

    /// Waits until a node is ready; one that is not by then runs no more.
    fn wait_ready(&mut self, name: &str, deadline: Instant) -> Result<()> {
        let Files { herd: _, log, errors } = self.files(name);
        let node = self.nodes.iter_mut().find(|node| node.member.name == name);
        let Some(Node { member, process: slot, ready }) = node else { bail!("{name} is gone") };
        let Some(mut process) = slot.take() else { bail!("{name} is gone") };
        match self.launch.wait_ready(member, &mut process, deadline) {
            Ok(Some(told)) => {
                *ready = told;
                *slot = Some(process);
                Ok(())
            }
            Ok(None) => {
                // One that is about to end may do so by itself; one that is late has had its time.
                let late = Instant::now() >= deadline;
                let patience = if late { Duration::ZERO } else { STOP };
                let status = wait_or_kill(&mut process, Instant::now() + patience)?;
                let how =
                    if late { "it took too long, and was killed".to_owned() } else { status.to_string() };
                let said = last_lines(&errors).or_else(|| last_lines(&log));
                let said = said.unwrap_or_else(|| "it said nothing".to_owned());
                let program = self.launch.program();
                bail!("{name} did not get ready ({how}): {said}\n(`{program}`, log {})", log.display())
            }
            Err(error) => {
                wait_or_kill(&mut process, Instant::now())?;
                Err(error)
            }
        }
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

/// Whether a variable is kept from nodes in a clean environment.
fn is_private(variable: &str) -> bool {
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
    variable.starts_with("HERD_") || proxies.iter().any(|proxy| variable.eq_ignore_ascii_case(proxy))
}

/// Takes away from a command what nodes do not see in a clean environment.
pub(crate) fn clean(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_private(&name.to_string_lossy())).for_each(|name| {
        command.env_remove(name);
    });
}

/// Kills a node and whatever it has started; fails only for what has ended already.
fn kill_group(process: &Child) {
    let _ = killpg(Pid::from_raw(process.id() as i32), Signal::SIGKILL);
}

fn wait_or_kill(process: &mut Child, deadline: Instant) -> Result<ExitStatus> {
    while Instant::now() < deadline {
        if let Some(status) = process.try_wait().context("cannot wait for a node")? {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
    kill_group(process);
    process.wait().context("cannot wait for a node")
}

/// Makes sure that each node of a herd has a certificate.
fn certify(herd: &Herd, folder: &Path) -> Result<BTreeMap<String, LinkFiles>> {
    let authority = Authority::open_or_init(&folder.join("certs"))?;
    let names = herd.members.iter().map(|member| &member.name);
    names.map(|name| Ok((name.clone(), authority.ensure(name)?))).collect()
}

/// The last lines of a file, `None` when it has none.
fn last_lines(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    (!last.is_empty()).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes of a herd of two, each the same shell script.
    fn scripted(test: &str, script: &str) -> Processes {
        let folder = std::env::temp_dir().join(format!("herd-processes-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("node");
        // Not written by this process: what another test starts meanwhile would inherit the open file for a moment,
        // and no file that is open for writing can be run.
        let write = r##"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 700 "$1""##;
        let mut shell = Command::new("/bin/sh");
        assert!(shell.args(["-c", write, "sh"]).arg(&program).arg(script).status().unwrap().success());
        let text = crate::cluster::graphs::Graph::Line.herd_file(2, 21_000);
        let file = HerdFile::parse(&text, "generated").unwrap();
        Processes::new(Setup::clean(file, program, folder)).unwrap()
    }

    #[test]
    fn a_node_that_ends_before_it_is_ready_is_quoted() {
        let mut herd = scripted("ends", "echo it is too hot >&2; exit 3");
        let error = herd.start_all().unwrap_err().to_string();
        assert!(error.starts_with("Node1 did not get ready (exit status: 3): it is too hot\n"), "{error}");
        fs::remove_dir_all(&herd.folder).unwrap();
    }

    #[test]
    fn a_node_at_other_addresses_than_it_was_given_is_not_ready() {
        let mut herd = scripted("elsewhere", r#"echo '{"client":"127.0.0.1:1","link":"127.0.0.1:2"}'; cat"#);
        let error = herd.start_all().unwrap_err().to_string();
        assert!(error.starts_with("Node1 is ready at other addresses"), "{error}");
        fs::remove_dir_all(&herd.folder).unwrap();
    }

    #[test]
    fn an_unknown_name_leaves_the_known_ones_as_they_were() {
        let ready = r#"echo '{"client":"127.0.0.1:21000","link":"127.0.0.1:21002"}'; exec cat"#;
        let mut herd = scripted("unknown", ready);
        let names = ["Node1", "Nobody"].map(str::to_owned);
        let error = herd.start(&names).unwrap_err().to_string();
        assert_eq!(error, "no node is called Nobody: the nodes are Node1, Node2");
        assert_eq!(herd.pid("Node1").unwrap(), None);
        herd.start(&names[..1]).unwrap();
        assert!(herd.kill(&names).is_err());
        assert!(herd.pid("Node1").unwrap().is_some());
        fs::remove_dir_all(&herd.folder).unwrap();
    }

    #[test]
    fn a_clean_environment_hides_keys_and_proxies_however_they_are_written() {
        for variable in
            ["HERD_PLACES_KEY", "HERD_LOG_LEVEL", "https_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY"]
        {
            assert!(is_private(variable), "{variable}");
        }
        assert!(!is_private("PATH") && !is_private("SHEPHERD_X"));
    }
}
