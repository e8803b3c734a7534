//! `say`: send lines to a node, as telnet would.

use std::io::{self, ErrorKind, IsTerminal, Read, StdoutLock, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use herd::nearest::choices;
use herd::printable::lines;

use crate::cluster::processes::LIST_NODES;
use crate::cluster::supervisor::{HerdAction, request_action};

/// The time limit for all answers. It is longer than a node waits for the Places service.
const ANSWERS_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends lines to a node of the running herd and prints its answers.
///
/// # Errors
/// No herd is running, there is no such node, the node is down, or it does not answer all lines
/// within 15 seconds. Answers that came before have been printed.
pub fn say_lines(node: &str, lines: &[String]) -> Result<()> {
    let status = request_action(HerdAction::Status, &[])?;
    let nodes = status["nodes"].as_array().context("the supervisor's answer lists no nodes")?;
    let Some(entry) = nodes.iter().find(|entry| entry["name"] == node) else {
        let names = nodes.iter().filter_map(|node| node["name"].as_str());
        bail!("no node is called {node}{}", choices(node, "nodes", names, LIST_NODES));
    };
    if entry["state"] == "down" {
        bail!("{node} is down: start it with `cargo xtask herd-restart {node}`");
    }
    if entry["state"] == "paused" {
        bail!("{node} is paused: resume it with `cargo xtask herd-heal {node}`");
    }
    let address: SocketAddr = entry["client"].as_str().unwrap_or_default().parse()?;
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("cannot connect to {node} at {address}"))?;
    stream.write_all((lines.join("\n") + "\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    print_answers(stream).with_context(|| format!("{node} at {address}"))
}

/// Prints what a node sends until it closes the connection.
fn print_answers(mut stream: TcpStream) -> Result<()> {
    let deadline = Instant::now() + ANSWERS_TIMEOUT;
    let mut buffer = vec![0; 64 * 1024];
    let mut out = AnswerPrinter { out: std::io::stdout().lock(), incomplete: Vec::new() };
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        let length = match stream.read(&mut buffer) {
            Ok(0) => return out.finish().or_else(unless_closed),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("the answers were not complete within {ANSWERS_TIMEOUT:?}")
            }
            read => read?,
        };
        if let Err(error) = out.write(&buffer[..length]) {
            return unless_closed(error);
        }
    }
}

/// Ignores the error of a closed pipe: its reader wants no more.
fn unless_closed(error: io::Error) -> Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error.into()) }
}

/// Standard output for answers. On a terminal it escapes control characters; a file or a pipe gets
/// the bytes unchanged.
struct AnswerPrinter {
    out: StdoutLock<'static>,
    /// The start of a line whose end has not been received yet.
    incomplete: Vec<u8>,
}

impl AnswerPrinter {
    fn write(&mut self, answers: &[u8]) -> io::Result<()> {
        if !self.out.is_terminal() {
            self.out.write_all(answers)?;
            return self.out.flush();
        }
        self.incomplete.extend_from_slice(answers);
        let whole = self.incomplete.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let escaped = lines(&self.incomplete[..whole]);
        self.incomplete.drain(..whole);
        self.out.write_all(escaped.as_bytes())?;
        self.out.flush()
    }

    /// Writes the last line, if it has no line end.
    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(lines(&self.incomplete).as_bytes())?;
        self.out.flush()
    }
}
