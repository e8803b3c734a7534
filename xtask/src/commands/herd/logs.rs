//! `herd-logs`: the logs of the nodes, merged by time.

mod format;
mod merge;

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

use crate::cluster::log_file::LOG_POLL;
use crate::cluster::supervisor::{HerdAction, request_action};
use format::{PlainLines, TerminalLines};
use merge::{LogLine, MergedLogs, timestamp};

/// Prints the log of one node, or the logs of all nodes merged by time, each line with its node's
/// name. With `follow`, prints new lines too, until standard output is closed.
///
/// # Errors
/// No herd is running, there is no such node, or a log cannot be read.
pub fn show_logs(node: Option<&str>, follow: bool) -> Result<()> {
    let logs = log_paths()?;
    if let Some(node) = node {
        find_log(&logs, node)?;
    }
    let logs: Vec<(String, String)> =
        logs.into_iter().filter(|(name, _)| node.is_none_or(|node| node == name)).collect();
    let mut format_line = line_format(&logs, node.is_some());
    let mut merged = MergedLogs::open(&logs)?;
    let mut out = io::stdout().lock();
    // A line of one node may be read after a later line of another. Lines wait until all logs are
    // complete up to their time.
    let mut complete_until = follow.then(|| timestamp(SystemTime::now()));
    loop {
        match print_lines(&mut merged, complete_until.as_deref(), &mut format_line, &mut out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result.context("cannot copy a log to standard output")?,
        }
        if !follow {
            return Ok(());
        }
        complete_until = Some(timestamp(SystemTime::now()));
        std::thread::sleep(LOG_POLL);
    }
}

/// Returns the function that formats lines: for a terminal, or unchanged for a file or a pipe.
fn line_format(logs: &[(String, String)], is_one_node: bool) -> Box<dyn FnMut(&LogLine) -> String> {
    let names = logs.iter().map(|(name, _)| &**name).filter(|_| !is_one_node);
    if io::stdout().is_terminal() {
        let mut lines = TerminalLines::new(&names.collect::<Vec<_>>(), terminal_columns());
        Box::new(move |line| lines.format_line(line))
    } else {
        let lines = PlainLines { with_names: !is_one_node };
        Box::new(move |line| lines.format_line(line))
    }
}

/// Returns the width of the terminal in columns: `COLUMNS` if it is set, else the terminal's own.
fn terminal_columns() -> Option<usize> {
    let chosen = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    chosen.or_else(|| terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns.into()))
}

/// Prints the lines that can be read now.
fn print_lines(
    merged: &mut MergedLogs,
    complete_until: Option<&str>,
    format_line: &mut dyn FnMut(&LogLine) -> String,
    out: &mut impl Write,
) -> io::Result<()> {
    while let Some(line) = merged.next_line(complete_until)? {
        out.write_all(format_line(&line).as_bytes())?;
    }
    out.flush()
}

/// Returns the path of the log of a node of the running herd.
///
/// # Errors
/// No herd is running, or there is no such node.
pub(super) fn log_path(node: &str) -> Result<String> {
    find_log(&log_paths()?, node).map(str::to_owned)
}

/// Returns the names of the nodes of the running herd and the paths of their logs.
fn log_paths() -> Result<Vec<(String, String)>> {
    let status = request_action(HerdAction::Status, &[])?;
    let nodes = status["nodes"].as_array().context("the supervisor's answer lists no nodes")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(nodes.iter().map(|node| (text(&node["name"]), text(&node["log"]))).collect())
}

fn find_log<'a>(logs: &'a [(String, String)], node: &str) -> Result<&'a str> {
    let found = logs.iter().find(|(name, _)| name == node);
    let names = || logs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    found
        .map(|(_, log)| log.as_str())
        .with_context(|| format!("no node is called {node}: the nodes are {}", names()))
}
