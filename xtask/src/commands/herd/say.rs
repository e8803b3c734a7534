//! `say`: telnet without telnet.

use std::io::{self, ErrorKind, IsTerminal, Read, StdoutLock, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use herd::printable::lines;

use crate::cluster::supervisor::{Action, request};

/// How long the answers may take: longer than a node waits for places.
const ANSWERS: Duration = Duration::from_secs(15);

/// Sends lines to a node of the running herd and prints what it answers.
///
/// # Errors
/// No herd is running, there is no such node, it is down, or does not answer in time; what came before is
/// printed.
pub fn say_lines(node: &str, said: &[String]) -> Result<()> {
    let status = request(Action::Status, &[])?;
    let nodes = status["nodes"].as_array().context("the supervisor names no nodes")?;
    let Some(entry) = nodes.iter().find(|entry| entry["name"] == node) else {
        let names: Vec<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
        bail!("no node is called {node}: the nodes are {}", names.join(", "));
    };
    if entry["state"] == "down" {
        bail!("{node} is down: start it with `cargo xtask herd-restart {node}`");
    }
    let address: SocketAddr = entry["client"].as_str().unwrap_or_default().parse()?;
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("cannot connect to {node} at {address}"))?;
    stream.write_all((said.join("\n") + "\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    copy_answers(stream).with_context(|| format!("{node} at {address}"))
}

fn copy_answers(mut stream: TcpStream) -> Result<()> {
    let deadline = Instant::now() + ANSWERS;
    let mut buffer = vec![0; 64 * 1024];
    let mut out = Shown { out: std::io::stdout().lock(), begun: Vec::new() };
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        let length = match stream.read(&mut buffer) {
            Ok(0) => return out.end().or_else(unless_closed),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("no more answers within {ANSWERS:?}")
            }
            read => read?,
        };
        if let Err(error) = out.write(&buffer[..length]) {
            return unless_closed(error);
        }
    }
}

/// Whoever has read enough need not read on.
fn unless_closed(error: io::Error) -> Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error.into()) }
}

/// Standard output: byte for byte, but for a terminal, which gets nothing that it would obey.
struct Shown {
    out: StdoutLock<'static>,
    /// A line whose end has not come yet.
    begun: Vec<u8>,
}

impl Shown {
    fn write(&mut self, answers: &[u8]) -> io::Result<()> {
        if !self.out.is_terminal() {
            self.out.write_all(answers)?;
            return self.out.flush();
        }
        self.begun.extend_from_slice(answers);
        let whole = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let shown = lines(&self.begun[..whole]);
        self.begun.drain(..whole);
        self.out.write_all(shown.as_bytes())?;
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(lines(&self.begun).as_bytes())?;
        self.out.flush()
    }
}
