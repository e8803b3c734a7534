//! `herd-logs`: the logs of the nodes, merged by time.

mod filter;
mod format;
mod merge;

use std::collections::VecDeque;
use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use clap::Args;
use herd::nearest::choices;
use regex::Regex;
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

use super::log_lines::{LogLines, note_lines_off, switch_lines};
use crate::cluster::log_file::LOG_POLL;
use crate::cluster::processes::LIST_NODES;
use crate::cluster::supervisor::{HerdAction, request_action};
use crate::commands::arguments::variant_of;
use filter::LineFilter;
use format::{PlainLines, TerminalLines};
use merge::{LogLine, MergedLogs, timestamp};

/// Which logs to print, and how.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The node whose log to print [default: all nodes, each line with its node's name]
    node: Option<String>,

    /// Follow the logs as they grow
    #[arg(short, long)]
    follow: bool,

    /// Print only the last N lines; with --follow, new ones too
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<usize>,

    /// Print only lines that are not older than this, such as 10s or 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,

    /// Print only lines with the id of this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,

    /// Print only lines that match this regular expression
    #[arg(long, value_name = "PATTERN", value_parser = pattern, allow_hyphen_values = true)]
    grep: Option<Regex>,

    /// Switch the lines of clients and links in these logs on or off, instead of printing the logs
    #[arg(
        long,
        value_name = "SWITCH",
        conflicts_with_all = ["follow", "tail", "since", "client", "grep"],
        value_parser = variant_of::<LogLines>()
    )]
    lines: Option<LogLines>,
}

/// Reads the expression of `--grep`.
fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
        error => {
            // The lines before show the expression.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("it is not a regular expression: {reason}")
        }
    })
}

/// Prints the log of one node, or the logs of all nodes merged by time, each line with its node's
/// name: the lines that the arguments choose. With `follow`, prints new lines too, until standard
/// output is closed. With `lines`, changes what the nodes log instead.
///
/// # Errors
/// No herd is running, there is no such node, a log cannot be read, or a node that should change
/// does not answer.
pub fn show_logs(args: &LogsArgs) -> Result<()> {
    let (node, follow) = (args.node.as_deref(), args.follow);
    let nodes = match node {
        Some(node) => vec![running_node(node)?],
        None => running_nodes()?,
    };
    if let Some(lines) = args.lines {
        return switch_lines(&nodes, lines);
    }
    note_lines_off(&nodes);
    let logs: Vec<(String, String)> =
        nodes.iter().map(|node| (text(&node["name"]), text(&node["log"]))).collect();
    let mut format_line = line_format(&logs, node.is_some());
    let mut merged = MergedLogs::open(&logs, args.filter(), args.tail)?;
    // Lines that exist already are printed when all of them have been read.
    let mut tail = args.tail;
    let mut out = io::stdout().lock();
    // A line of one node may be read after a later line of another. Lines wait until all logs are
    // complete up to their time.
    let mut complete_until = follow.then(|| timestamp(SystemTime::now()));
    loop {
        let format = &mut format_line;
        match print_lines(&mut merged, complete_until.as_deref(), tail.take(), format, &mut out) {
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

impl LogsArgs {
    /// Returns which lines are printed, `--tail` aside.
    fn filter(&self) -> LineFilter {
        let earliest = |age| SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        LineFilter {
            since: self.since.map(|age| timestamp(earliest(age).max(SystemTime::UNIX_EPOCH))),
            client: self.client.clone(),
            pattern: self.grep.clone(),
        }
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

/// Prints the lines that can be read now, or only the last `tail` of them.
fn print_lines(
    merged: &mut MergedLogs,
    complete_until: Option<&str>,
    tail: Option<usize>,
    format_line: &mut dyn FnMut(&LogLine) -> String,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut last = VecDeque::new();
    while let Some(line) = merged.next_line(complete_until)? {
        let Some(most) = tail else {
            out.write_all(format_line(&line).as_bytes())?;
            continue;
        };
        last.push_back(line);
        if last.len() > most {
            last.pop_front();
        }
    }
    for line in last {
        out.write_all(format_line(&line).as_bytes())?;
    }
    out.flush()
}

/// Returns the state of a node of the running herd.
///
/// # Errors
/// No herd is running, or there is no such node.
pub(super) fn running_node(name: &str) -> Result<Value> {
    let nodes = running_nodes()?;
    let names = || nodes.iter().filter_map(|node| node["name"].as_str());
    let found = nodes.iter().find(|node| node["name"] == name);
    let choices = || choices(name, "nodes", names(), LIST_NODES);
    found.cloned().with_context(|| format!("no node is called {name}{}", choices()))
}

/// Returns the states of the nodes of the running herd.
fn running_nodes() -> Result<Vec<Value>> {
    let mut status = request_action(HerdAction::Status, &[])?;
    match status["nodes"].take() {
        Value::Array(nodes) => Ok(nodes),
        _ => bail!("the supervisor's answer lists no nodes"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
