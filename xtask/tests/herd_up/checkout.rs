//! The herd of one test, in its own folder and on its own ports.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use fixtures::checkout::{program, scratch};
use serde_json::Value;
use xtask::cluster::ports::PortBlock;

/// The time limit for a condition that a test waits for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The time limit for a command, including the build of the node program.
const COMMAND: Duration = Duration::from_secs(300);

/// The folder and ports of one herd. The herd is stopped when this is dropped, even if the test
/// fails.
pub(crate) struct Checkout {
    pub(crate) folder: PathBuf,
    pub(crate) ports: PortBlock,
}

impl Checkout {
    pub(crate) fn new(test: &str) -> Checkout {
        Checkout { folder: scratch(test), ports: PortBlock::take(20).unwrap() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("xtask"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
            command.env_remove(name);
        }
        // An empty variable counts as unset, and `herd-up` ignores the address of a single node.
        command.env("HERD_LOG_LEVEL", "").env("HERD_CLIENT_ADDRESS", "127.0.0.1:1");
        command.args(arguments).env("XTASK_RUN_DIR", &self.folder).env_remove("COLUMNS").stdin(Stdio::null());
        command
    }

    pub(crate) fn xtask(&self, arguments: &[&str]) -> Output {
        assert_cmd::Command::from_std(self.command(arguments)).timeout(COMMAND).output().unwrap()
    }

    /// Runs a command that must succeed. Returns its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.xtask(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail. Returns its standard error.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.xtask(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn up(&self, more: &[&str]) -> String {
        let port = self.ports.first().to_string();
        self.run(&[&["herd-up", "--detach", "--base-port", &port], more].concat())
    }

    /// Returns the status of the nodes, even if some are not ready.
    pub(crate) fn nodes(&self) -> Vec<Value> {
        let output = self.xtask(&["herd-status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).expect("a status");
        let nodes = status["nodes"].as_array().unwrap().clone();
        let mut all = nodes.iter().chain(status["servers"].as_array().unwrap());
        let is_well = |node: &Value| node["state"] == "ready" || node["state"] == "running";
        assert_eq!(output.status.success(), all.all(is_well));
        nodes
    }

    /// Sends reports to Alford until `tap` prints a line of `node` that begins with `start`. The
    /// first line may be another one: an update floods over all links at once.
    pub(crate) fn wait_for_tap(&self, node: &str, start: &str) {
        let mut tap = self.command(&["tap", node]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(tap.stdout.take().unwrap()).lines().map_while(Result::ok);
        let wanted = start.to_owned();
        let seen = thread::spawn(move || lines.any(|line| line.starts_with(&wanted)));
        let deadline = Instant::now() + DEADLINE;
        for time in 2.. {
            self.run(&["say", "Alford", &format!("IAMAT kiwi +34.0-118.4 {time}")]);
            if seen.is_finished() || Instant::now() > deadline {
                break;
            }
        }
        tap.kill().unwrap();
        tap.wait().unwrap();
        assert!(seen.join().unwrap(), "no line of {node} began with {start:?} within {DEADLINE:?}");
    }

    pub(crate) fn pids(&self) -> Vec<i32> {
        self.nodes().iter().filter_map(|node| node["pid"].as_i64()).map(|pid| pid as i32).collect()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.xtask(&["herd-down"]);
    }
}

/// A command that prints lines until it is stopped. It is killed when this is dropped, even if the
/// test fails.
pub(crate) struct Printer {
    pub(crate) process: Child,
    lines: Receiver<String>,
}

impl Printer {
    pub(crate) fn start(mut command: Command) -> Printer {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Printer { process, lines }
    }

    /// Returns the next line that contains a text. Panics at the deadline.
    pub(crate) fn line_with(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("no line with {text:?} within {DEADLINE:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Returns the next line. Panics at the deadline.
    pub(crate) fn next_line(&self) -> String {
        self.line_with("")
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns whether a process runs. A zombie does not run.
pub(crate) fn runs(pid: i32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits until a process has exited, and returns its exit status. Panics at the deadline, after
/// killing the process.
pub(crate) fn wait(process: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    panic!("the process did not exit within {DEADLINE:?}");
}

pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
