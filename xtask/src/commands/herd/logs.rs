//! `herd-logs`: what the nodes have logged, and what they log from now on.

mod merge;
mod screen;

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

use crate::cluster::log_file::POLL;
use crate::cluster::supervisor::{Action, request};
use merge::{Entry, Merged, timestamp};
use screen::{Plain, Screen};

/// Prints the log of one node, or the logs of all merged by time, with the nodes' names before the lines; follows them
/// if asked, until the reader goes away.
///
/// # Errors
/// No herd is running, there is no such node, or its log cannot be read.
pub fn show_logs(node: Option<&str>, follow: bool) -> Result<()> {
    let shown = logs()?;
    if let Some(node) = node {
        find(&shown, node)?;
    }
    let shown: Vec<(String, String)> =
        shown.into_iter().filter(|(name, _)| node.is_none_or(|node| node == name)).collect();
    let mut layout = layout(&shown, node.is_some());
    let mut merged = Merged::open(&shown)?;
    let mut out = io::stdout().lock();
    // What one node has logged just before may be read after what another has logged just now.
    let mut settled = follow.then(|| timestamp(SystemTime::now()));
    loop {
        match print(&mut merged, settled.as_deref(), &mut layout, &mut out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result.context("cannot copy a log")?,
        }
        if !follow {
            return Ok(());
        }
        settled = Some(timestamp(SystemTime::now()));
        std::thread::sleep(POLL);
    }
}

/// How lines are laid out: for a terminal, or as they are.
fn layout(shown: &[(String, String)], one: bool) -> Box<dyn FnMut(&Entry) -> String> {
    let names: Vec<&str> = if one { Vec::new() } else { shown.iter().map(|(name, _)| &**name).collect() };
    if io::stdout().is_terminal() {
        let mut screen = Screen::new(&names, columns());
        Box::new(move |entry| screen.show(entry))
    } else {
        let plain = Plain { with_names: !one };
        Box::new(move |entry| plain.show(entry))
    }
}

/// How wide the terminal is: what `COLUMNS` says, or else the system.
fn columns() -> Option<usize> {
    let said = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or_else(|| terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns.into()))
}

fn print(
    merged: &mut Merged,
    settled: Option<&str>,
    layout: &mut dyn FnMut(&Entry) -> String,
    out: &mut impl Write,
) -> io::Result<()> {
    while let Some(entry) = merged.next(settled)? {
        out.write_all(layout(&entry).as_bytes())?;
    }
    out.flush()
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
