//! `say`: telnet without telnet.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::supervisor::{Action, request};

/// How long the answers may take: longer than a node waits for places.
const ANSWERS: Duration = Duration::from_secs(15);

/// Sends lines to a node of the running herd and prints what it answers.
///
/// # Errors
/// No herd is running, there is no such node, it is down, or does not answer in time; what came before is
/// printed.
pub fn run(node: &str, lines: &[String]) -> Result<()> {
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
    stream.write_all((lines.join("\n") + "\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    copy_answers(stream).with_context(|| format!("{node} at {address}"))
}

fn copy_answers(mut stream: TcpStream) -> Result<()> {
    let deadline = Instant::now() + ANSWERS;
    let mut buffer = vec![0; 64 * 1024];
    let mut out = std::io::stdout().lock();
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        let length = match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("no more answers within {ANSWERS:?}")
            }
            read => read?,
        };
        match out.write_all(&buffer[..length]).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}
