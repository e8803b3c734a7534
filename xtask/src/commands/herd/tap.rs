//! `tap`: the updates that a node's links carry, as they come. From its log, since links are encrypted.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use herd::message::Update;
use serde_json::Value;

use super::logs::log_of;
use crate::cluster::log_file::{LogFile, POLL};

/// How long to wait for the first line of a link in a log that has none yet: links come up within this.
const SILENCE: Duration = Duration::from_secs(3);

/// One line that went over a link.
#[derive(Debug, PartialEq, Eq)]
struct Carried {
    /// `from` or `to`.
    direction: String,
    neighbour: String,
    line: String,
}

/// Prints what a node's neighbours say to it of clients, and what it says to them, until the reader goes away.
///
/// # Errors
/// No herd is running, there is no such node, or its log does not hold what its links carry.
pub fn tap_links(node: &str) -> Result<()> {
    let mut log = LogFile::open(&log_of(node)?)?;
    // Links that are idle say nothing that is logged at debug, but each has said hello.
    let logs_links = any_link_line(&mut log).context("cannot read a log")?;
    log.skip()?;
    let mut silent_since = (!logs_links).then(Instant::now);
    let mut out = io::stdout().lock();
    loop {
        while let Some(line) = log.next_line().context("cannot read a log")? {
            let Some(carried) = carried(&String::from_utf8_lossy(line)) else { continue };
            silent_since = None;
            if Update::is_like(carried.line.as_bytes()) {
                let text = format!("{:4} {} {}\n", carried.direction, carried.neighbour, carried.line);
                match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    result => result.context("cannot write to standard output")?,
                }
            }
        }
        if silent_since.is_some_and(|since| since.elapsed() > SILENCE) {
            bail!(
                "the log of {node} holds nothing of its links: either it has none, or it does not log at debug (HERD_LOG_LEVEL=debug cargo xtask herd-up)"
            );
        }
        std::thread::sleep(POLL);
    }
}

/// Whether a log holds anything that a link has carried.
fn any_link_line(log: &mut LogFile) -> io::Result<bool> {
    while let Some(line) = log.next_line()? {
        if carried(&String::from_utf8_lossy(line)).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a line of a log, as text or JSON, says that a link carried.
fn carried(line: &str) -> Option<Carried> {
    let owned = |direction: &str, neighbour: &str, line: &str| Carried {
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
    fn only_what_links_carry_is_taken_from_a_log_of_either_format() {
        let expected = Carried { direction: "from".into(), neighbour: "Parker".into(), line: "AT x".into() };
        let text = "2026-01-01T00:00:00.000000Z DEBUG heard from=\"Parker\" line=AT x\n";
        assert_eq!(carried(text), Some(expected));
        let json = r#"{"level":"DEBUG","fields":{"message":"said","to":"Bolden","line":"AT y"}}"#;
        let expected = Carried { direction: "to".into(), neighbour: "Bolden".into(), line: "AT y".into() };
        assert_eq!(carried(json), Some(expected));
        for other in [
            "2026-01-01T00:00:00.000000Z DEBUG received peer=127.0.0.1:1 line=heard from=\"Parker\" line=AT x\n",
            "2026-01-01T00:00:00.000000Z  INFO link up neighbour=\"Parker\" from=0\n",
            "{}",
        ] {
            assert_eq!(carried(other), None, "{other}");
        }
    }
}
