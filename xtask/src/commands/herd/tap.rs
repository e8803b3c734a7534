//! `tap`: print the updates on a node's links as they pass. They are read from the node's log,
//! since links are encrypted.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use herd::message::Update;
use serde_json::Value;

use super::log_lines::{LogLines, check_logs_lines, level_of};
use super::logs::running_node;
use crate::cluster::log_file::{LOG_POLL, LogFile};

/// A line that a link carried.
#[derive(Debug, PartialEq, Eq)]
struct LinkLine {
    /// `from` or `to` the neighbour.
    direction: String,
    neighbour: String,
    line: String,
}

/// Prints the updates that a node receives from its neighbours and sends to them, until standard
/// output is closed.
///
/// # Errors
/// No herd is running, there is no such node, its log cannot be read, or the node does not log the
/// lines of its links.
pub fn tap_links(node: &str) -> Result<()> {
    let state = running_node(node)?;
    check_logs_lines(&state)?;
    if let Some(level) = level_of(&state).filter(|level| LogLines::of_level(level) == LogLines::Off) {
        bail!(
            "{node} logs at {level}, without the lines of its links: \
             `cargo xtask herd-logs {node} --lines on` adds them"
        );
    }
    let path = Path::new(state["log"].as_str().unwrap_or_default());
    let cannot_read = || format!("cannot read {}", path.display());
    let mut log = LogFile::open_at_end(path)?;
    let mut out = io::stdout().lock();
    loop {
        while let Some(line) = log.next_line().with_context(cannot_read)? {
            let Some(carried) = link_line(&String::from_utf8_lossy(line)) else { continue };
            if Update::is_like(carried.line.as_bytes()) {
                let text = format!("{:4} {} {}\n", carried.direction, carried.neighbour, carried.line);
                match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    result => result.context("cannot write to standard output")?,
                }
            }
        }
        std::thread::sleep(LOG_POLL);
    }
}

/// Parses a line of a log, which is text or JSON. Returns `None` if it is not about a line on a
/// link.
fn link_line(line: &str) -> Option<LinkLine> {
    let owned = |direction: &str, neighbour: &str, line: &str| LinkLine {
        direction: direction.to_owned(),
        neighbour: neighbour.to_owned(),
        line: line.to_owned(),
    };
    let verbs = [("heard", "from"), ("said", "to")];
    if line.starts_with('{') {
        let fields = &serde_json::from_str::<Value>(line).ok()?["fields"];
        let (_, direction) = verbs.iter().find(|(verb, _)| fields["message"] == *verb)?;
        return Some(owned(direction, fields[*direction].as_str()?, fields["line"].as_str()?));
    }
    let (_, event) = line.split_once(" DEBUG ")?;
    verbs.iter().find_map(|(verb, direction)| {
        let rest = event.strip_prefix(verb)?.strip_prefix(' ')?.strip_prefix(direction)?;
        let (neighbour, line) = rest.strip_prefix("=\"")?.split_once("\" line=")?;
        Some(owned(direction, neighbour, line.trim_end()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_on_links_are_found_in_both_formats_of_logs() {
        let expected = LinkLine { direction: "from".into(), neighbour: "Parker".into(), line: "AT x".into() };
        let text = "2026-01-01T00:00:00.000000Z DEBUG heard from=\"Parker\" line=AT x\n";
        assert_eq!(link_line(text), Some(expected));
        let json = r#"{"level":"DEBUG","fields":{"message":"said","to":"Bolden","line":"AT y"}}"#;
        let expected = LinkLine { direction: "to".into(), neighbour: "Bolden".into(), line: "AT y".into() };
        assert_eq!(link_line(json), Some(expected));
        for other in [
            "2026-01-01T00:00:00.000000Z DEBUG received peer=127.0.0.1:1 line=heard from=\"Parker\" line=AT x\n",
            "2026-01-01T00:00:00.000000Z  INFO link up neighbour=\"Parker\" from=0\n",
            "{}",
        ] {
            assert_eq!(link_line(other), None, "{other}");
        }
    }
}
