//! One node as a real process, for tests that look at it from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than anything takes here: a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A report, as the classroom's example has it.
pub(crate) const IAMAT: &str = "IAMAT kiwi +34.068930-118.445127 1520023934.918963997\n";

/// A running node of a herd of one, killed when dropped.
pub(crate) struct Node {
    pub(crate) process: Child,
    pub(crate) client: SocketAddr,
    pub(crate) link: SocketAddr,
}

impl Node {
    /// Starts a node with the bounds of a `[limits]` table. `test` names its files.
    pub(crate) fn start(test: &str, limits: &str) -> Node {
        Node::start_with(test, limits, |command| command)
    }

    /// The same, with more said on the command line or in the environment.
    pub(crate) fn start_with(
        test: &str,
        limits: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Node {
        let file = format!("{}/{test}.toml", env!("CARGO_TARGET_TMPDIR"));
        let node =
            "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";
        std::fs::write(&file, format!("{node}[limits]\n{limits}\n")).unwrap();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("herd"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
            command.env_remove(name);
        }
        command.args(["Alford", "--stop-with-stdin", "--config", &file]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = more(&mut command).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("a ready line");
        let address = |key: &str| ready[key].as_str().unwrap().parse().unwrap();
        Node { client: address("client"), link: address("link"), process }
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

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
