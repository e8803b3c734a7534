//! One node as a real process, for tests from outside.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use fixtures::checkout::program;
pub(crate) use fixtures::checkout::scratch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The deadline of a wait, after which a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The interval between polls.
const POLL: Duration = Duration::from_millis(1);

/// Waits until a condition holds. `what` names it in the message of a failure.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain until {what}");
        thread::sleep(POLL);
    }
}

/// The log of a test's node, in the test's own folder.
pub(crate) fn log_of(test: &str) -> String {
    scratch(test).join("log").display().to_string()
}

/// Waits until a log contains a text at least `wanted` times.
pub(crate) fn wait_for_log(log: &str, text: &str, wanted: usize) {
    wait_until(&format!("{log} holds {wanted} of {text:?}"), || {
        std::fs::read_to_string(log).unwrap().matches(text).count() >= wanted
    });
}

/// Stops a node, and returns its complete log.
pub(crate) fn whole_log(mut node: Node, log: &str) -> String {
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGTERM).unwrap();
    assert!(node.wait().success());
    std::fs::read_to_string(log).unwrap()
}

/// Waits for the first line of an output; empty if the output ends without a line.
fn first_line(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        // The receiver may be gone.
        let _ = sender.send(line);
    });
    receiver
}

/// The node program as a command that stops by itself, in a clean environment and with separate
/// certificates for `test`.
pub(crate) fn herd(test: &str) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(program("herd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", scratch(test).join("state")).timeout(DEADLINE);
    command
}

/// The report of the classroom's example.
pub(crate) const IAMAT: &str = "IAMAT kiwi +34.068930-118.445127 1520023934.918963997\n";

/// The link address in a herd file whose node listens elsewhere, since a file must name a port.
const UNUSED: &str = "127.0.0.1:2";

/// A running node of a herd of one, killed when dropped.
pub(crate) struct Node {
    pub(crate) process: Child,
    pub(crate) client: SocketAddr,
    pub(crate) link: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Node {
    /// Starts a node with the limits of a `[limits]` table. `test` names its files.
    pub(crate) fn start(test: &str, limits: &str) -> Node {
        Node::start_with(test, limits, |command| command)
    }

    /// The same, with changes to the command line or the environment.
    pub(crate) fn start_with(
        test: &str,
        limits: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        let alone = node_table("Alford", UNUSED, None);
        Node::run("Alford", test, &format!("name = \"one\"\n{alone}[limits]\n{limits}\n"), more)
    }

    /// Starts `name` with `neighbour` as its only neighbour. The neighbour must have been started
    /// by [`Node::start_awaiting`].
    pub(crate) fn start_beside(
        name: &str,
        neighbour: (&str, &Node),
        test: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        Node::start_beside_with(name, neighbour, test, "", more)
    }

    /// The same, with text appended to the herd file, such as a `[limits]` table.
    pub(crate) fn start_beside_with_limits(
        name: &str,
        neighbour: (&str, &Node),
        test: &str,
        limits: &str,
    ) -> Node {
        Node::start_beside_with(name, neighbour, test, limits, |command| {
            command.args(["--admin-address", "127.0.0.1:0"])
        })
    }

    /// The same, with changes to the command line or the environment.
    pub(crate) fn start_beside_with(
        name: &str,
        (other, running): (&str, &Node),
        test: &str,
        tables: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        let this = node_table(name, UNUSED, Some(other));
        let that = node_table(other, &running.link.to_string(), Some(name));
        Node::run(name, test, &format!("name = \"pair\"\n{this}{that}{tables}"), more)
    }

    /// Starts `name`, whose only neighbour will dial it.
    pub(crate) fn start_awaiting(name: &str, neighbour: &str, test: &str) -> Node {
        Node::start_awaiting_with(name, neighbour, test, &[])
    }

    /// The same, with changes to the command line.
    pub(crate) fn start_awaiting_with(name: &str, neighbour: &str, test: &str, args: &[&str]) -> Node {
        Node::start_awaiting_with_limits(name, neighbour, test, "", args)
    }

    /// The same, with text appended to the herd file, such as a `[limits]` table.
    pub(crate) fn start_awaiting_with_limits(
        name: &str,
        neighbour: &str,
        test: &str,
        limits: &str,
        args: &[&str],
    ) -> Node {
        // Nobody listens on port 1, so the neighbour opens the link.
        let this = node_table(name, UNUSED, Some(neighbour));
        let that = node_table(neighbour, "127.0.0.1:1", Some(name));
        Node::run(name, test, &format!("name = \"pair\"\n{this}{that}{limits}"), |command| command.args(args))
    }

    /// Starts a node of a herd file's text, with its links on any free port instead of that in the
    /// file.
    pub(crate) fn run(
        name: &str,
        test: &str,
        herd: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        Node::run_by(&[], name, test, herd, more)
    }

    /// The same, run by another program.
    pub(crate) fn run_by(
        runner: &[&str],
        name: &str,
        test: &str,
        herd: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        Node::run_as_written(runner, name, test, herd, |command| {
            more(command.args(["--link-address", "127.0.0.1:0"]))
        })
    }

    /// The same, with its links on the address in the herd file.
    pub(crate) fn run_as_written(
        runner: &[&str],
        name: &str,
        test: &str,
        herd: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        let file = scratch(test).join(format!("{name}.toml"));
        std::fs::write(&file, herd).unwrap();
        let program = program("herd");
        let words: Vec<&OsStr> = runner.iter().map(OsStr::new).chain([program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
            command.env_remove(name);
        }
        // The folder for certificates that nodes make themselves.
        command.env("XDG_STATE_HOME", scratch(test).join("state"));
        command.args([name, "--stop-with-stdin", "--config"]).arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = more(&mut command).spawn().unwrap();
        let ready = first_line(process.stdout.take().unwrap()).recv_timeout(DEADLINE).unwrap_or_else(|_| {
            let _ = process.kill();
            panic!("{name} did not get ready within {DEADLINE:?}")
        });
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("a ready line");
        let address = |key: &str| ready[key].as_str().unwrap().parse().unwrap();
        let if_any = |port: &str| ready[port].as_str().map(|address| address.parse().unwrap());
        let (admin, metrics) = (if_any("admin"), if_any("metrics"));
        Node { client: address("client"), link: address("link"), admin, metrics, process }
    }

    /// Waits until the process has ended, and returns its exit status.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the node has not ended within {DEADLINE:?}");
            thread::sleep(POLL);
        }
    }

    /// Connects as a client.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.client).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends `bytes`, closes the sending side, and reads to the end.
    pub(crate) fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    }
}

/// A node of a herd file, with clients on any port.
pub(crate) fn node_table(name: &str, link: &str, neighbour: Option<&str>) -> String {
    let neighbours: Vec<&str> = neighbour.into_iter().collect();
    format!(
        "[[node]]\nname = \"{name}\"\nclient = \"127.0.0.1:0\"\nlink = \"{link}\"\nneighbours = {neighbours:?}\n"
    )
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Signals a node, and waits until it has exited.
pub(crate) fn stop(node: &mut Node) {
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGTERM).unwrap();
    assert!(node.wait().success());
}
