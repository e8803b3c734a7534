//! Whether the logs of the nodes have the lines of clients and links, and switching these on and
//! off.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use strum::{EnumMessage, EnumString, IntoStaticStr, VariantArray};

use crate::cluster::admin_client::get;
use crate::cluster::log_file::LOG_POLL;
use crate::commands::print::print_progress;

/// How long a node may take to change its level after a signal.
const SWITCHED_WITHIN: Duration = Duration::from_secs(5);

/// Whether nodes log the lines of clients and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum LogLines {
    /// At level debug.
    On,
    /// At the level that the nodes were started with, or at info.
    Off,
}

impl LogLines {
    /// Returns whether nodes at a level log lines.
    pub(crate) fn of_level(level: &str) -> LogLines {
        match level {
            "debug" | "trace" => LogLines::On,
            _ => LogLines::Off,
        }
    }
}

/// Returns whether nodes at a level log lines, and how to change that, in one line.
pub(super) fn describe_level(level: &str) -> String {
    let (lines, other) = match LogLines::of_level(level) {
        LogLines::On => ("on", "off"),
        LogLines::Off => ("off", "on"),
    };
    format!("{lines} (level {level}); {other} with `cargo xtask herd-logs --lines {other}`")
}

/// Returns the level of a node's log; `None` if the node does not answer. A node that did not
/// answer when its state was read is not asked again.
pub(crate) fn level_of(node: &Value) -> Option<String> {
    if ["paused", "down", "not answering"].iter().any(|state| node["state"] == *state) {
        return None;
    }
    let admin: SocketAddr = node["admin"].as_str()?.parse().ok()?;
    Some(get(admin, "/log-level").ok()?.trim().to_owned())
}

/// Fails if a node runs the program of a peer, whose log never has these lines.
pub(super) fn check_logs_lines(node: &Value) -> Result<()> {
    let Some(peer) = node["peer"].as_str() else { return Ok(()) };
    let name = node["name"].as_str().unwrap_or_default();
    bail!("{name} is a node of the peer {peer}, which does not log the lines of clients and links")
}

/// Switches the lines in the logs of nodes on or off, and waits until they have changed.
///
/// # Errors
/// A node does not answer, or is a peer's.
pub(super) fn switch_lines(nodes: &[Value], wanted: LogLines) -> Result<()> {
    nodes.iter().try_for_each(check_logs_lines)?;
    for node in nodes {
        let name = node["name"].as_str().unwrap_or_default();
        let level = || level_of(node).with_context(|| format!("{name} does not answer on its admin port"));
        if LogLines::of_level(&level()?) == wanted {
            continue;
        }
        let pid = node["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.with_context(|| format!("{name} is not running"))?;
        kill(Pid::from_raw(pid), Signal::SIGUSR1).with_context(|| format!("cannot signal {name}"))?;
        let started = Instant::now();
        while LogLines::of_level(&level()?) != wanted {
            ensure!(started.elapsed() < SWITCHED_WITHIN, "{name} does not change its log level");
            thread::sleep(LOG_POLL);
        }
    }
    Ok(())
}

/// Says on standard error which of some nodes do not log lines, if there are any, and how to change
/// that.
pub(super) fn note_lines_off(nodes: &[Value]) {
    if let Some(peer) = nodes.iter().find_map(|node| node["peer"].as_str()) {
        print_progress(&format!("note: nodes of the peer {peer} log only what goes wrong"));
    }
    let without: Vec<&str> = nodes
        .iter()
        .filter(|node| level_of(node).is_some_and(|level| LogLines::of_level(&level) == LogLines::Off))
        .filter_map(|node| node["name"].as_str())
        .collect();
    if !without.is_empty() {
        let names = without.join(", ");
        print_progress(&format!(
            "note: no lines of clients and links in the log of {names}: `cargo xtask herd-logs --lines on` adds them"
        ));
    }
}
