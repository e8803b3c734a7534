//! `herd-logs`: what the nodes have logged, and what they log from now on.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::log_file::{LogFile, POLL};
use crate::supervisor::{Action, request};

struct Log {
    /// Before each line, when several logs are shown.
    prefix: String,
    file: LogFile,
}

/// Prints the log of one node, or of all with their names before each line; follows them if asked, until the
/// reader goes away.
///
/// # Errors
/// No herd is running, there is no such node, or its log cannot be read.
pub fn run(node: Option<&str>, follow: bool) -> Result<()> {
    let shown = logs()?;
    if let Some(node) = node {
        find(&shown, node)?;
    }
    let mut logs = Vec::new();
    for (name, path) in shown.iter().filter(|(name, _)| node.is_none_or(|node| node == name)) {
        let prefix = if node.is_some() { String::new() } else { format!("{name}: ") };
        logs.push(Log { prefix, file: LogFile::open(path)? });
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

/// The log of a node of the running herd.
///
/// # Errors
/// No herd is running, or there is no such node.
pub(super) fn log_of(node: &str) -> Result<String> {
    find(&logs()?, node).map(str::to_owned)
}

/// The nodes of the running herd, and their logs.
fn logs() -> Result<Vec<(String, String)>> {
    let status = request(Action::Status, &[])?;
    let nodes = status["nodes"].as_array().context("the supervisor names no nodes")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(nodes.iter().map(|node| (text(&node["name"]), text(&node["log"]))).collect())
}

fn find<'a>(logs: &'a [(String, String)], node: &str) -> Result<&'a str> {
    let found = logs.iter().find(|(name, _)| name == node);
    let names = || logs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    found
        .map(|(_, log)| log.as_str())
        .with_context(|| format!("no node is called {node}: the nodes are {}", names()))
}

fn copy_lines(log: &mut Log) -> io::Result<()> {
    let mut out = io::stdout().lock();
    while let Some(line) = log.file.next_line()? {
        out.write_all(log.prefix.as_bytes())?;
        out.write_all(line)?;
    }
    out.flush()
}
