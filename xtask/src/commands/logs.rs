//! `herd-logs`: what the nodes have logged, and what they log from now on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::supervisor::{Action, request};

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(100);

struct Log {
    /// Before each line, when several logs are shown.
    prefix: String,
    file: BufReader<File>,
    /// A line whose end has not been written yet.
    begun: Vec<u8>,
}

/// Prints the log of one node, or of all with their names before each line; follows them if asked, until the
/// reader goes away.
///
/// # Errors
/// No herd is running, there is no such node, or its log cannot be read.
pub fn run(node: Option<&str>, follow: bool) -> Result<()> {
    let status = request(Action::Status, &[])?;
    let nodes = status["nodes"].as_array().context("the supervisor names no nodes")?;
    let names: Vec<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
    if let Some(node) = node.filter(|node| !names.contains(node)) {
        bail!("no node is called {node}: the nodes are {}", names.join(", "));
    }
    let mut logs = Vec::new();
    for (entry, name) in nodes.iter().zip(names).filter(|(_, name)| node.is_none_or(|node| node == *name)) {
        let path = entry["log"].as_str().unwrap_or_default();
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        let prefix = if node.is_some() { String::new() } else { format!("{name}: ") };
        logs.push(Log { prefix, file: BufReader::new(file), begun: Vec::new() });
    }
    loop {
        for log in &mut logs {
            match copy_lines(log) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                result => result.context("cannot copy a log")?,
            }
        }
        if !follow {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

fn copy_lines(log: &mut Log) -> io::Result<()> {
    let mut out = io::stdout().lock();
    // A herd that starts anew empties its logs.
    if log.file.get_ref().metadata()?.len() < log.file.stream_position()? {
        log.file.rewind()?;
        log.begun.clear();
    }
    while log.file.read_until(b'\n', &mut log.begun)? > 0 && log.begun.ends_with(b"\n") {
        out.write_all(log.prefix.as_bytes())?;
        out.write_all(&log.begun)?;
        log.begun.clear();
    }
    out.flush()
}
