//! Logs the lines and events of links.

use tracing::{debug, info, warn};

use super::shared::Shared;
use crate::message::LinkLine;
use crate::node::{LinkEvent, NeighbourId, Node};
use crate::telemetry::{Kind, LogLines};

/// The name of a neighbour in the log.
pub(super) fn name(node: &Node, neighbour: Option<NeighbourId>) -> &str {
    let known = neighbour.and_then(|id| node.neighbours().find(|(other, _)| *other == id));
    known.map_or("not yet known", |(_, name)| name)
}

/// Adds a line from a neighbour to those for the log.
pub(super) fn log_heard(log: &mut LogLines, line: &[u8]) {
    let kind = if LinkLine::is_heartbeat(line) { Kind::HeardHeartbeat } else { Kind::Heard };
    log.add(kind, line);
}

/// Logs the lines written to a neighbour.
pub(super) fn log_said(node: &Node, neighbour: Option<NeighbourId>, lines: &[u8]) {
    let Some(mut log) = LogLines::of_neighbour(name(node, neighbour)) else { return };
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let kind = if LinkLine::is_heartbeat(line) { Kind::SaidHeartbeat } else { Kind::Said };
        log.add(kind, line);
    }
}

/// Logs the event that a line from a neighbour has caused, unless that is an update.
pub(super) fn log_event(
    shared: &Shared,
    node: &mut Node,
    neighbour: Option<NeighbourId>,
    event: LinkEvent,
    line: &[u8],
) {
    match event {
        LinkEvent::Update { .. } => {}
        LinkEvent::BulkOver => info!(neighbour = name(node, neighbour), "bulk sync over"),
        LinkEvent::ClocksDiffer(by) => {
            let neighbour = name(node, neighbour);
            let ahead_seconds = by.as_secs_f64();
            warn!(neighbour, ahead_seconds, "clocks differ; one of them is wrong");
            shared.events.warn("clock", &format!("the clock of {neighbour} is {by} this node's"));
        }
        LinkEvent::ClocksAgree(by) => {
            let neighbour = name(node, neighbour);
            info!(neighbour, ahead_seconds = by.as_secs_f64(), "clocks agree again");
            shared.events.warn("clock", &format!("the clock of {neighbour} agrees with this node's again"));
        }
        LinkEvent::Unacceptable => {
            let line = line.escape_ascii().to_string();
            shared.warn("update skipped", Some(name(node, neighbour)), &line, "");
        }
        LinkEvent::Repaired => debug!(neighbour = name(node, neighbour), "missing updates received"),
        LinkEvent::Synced => info!(neighbour = name(node, neighbour), "link in sync"),
        LinkEvent::Up { neighbour, from } => {
            info!(neighbour = name(node, Some(neighbour)), from, "link up");
            shared.events.link_up(name(node, Some(neighbour)));
            if let Some([latest, other]) = node.take_rivals(neighbour, shared.now()) {
                let neighbour = name(node, Some(neighbour));
                warn!(
                    neighbour,
                    latest,
                    other,
                    "several processes have this neighbour's name, and take its link in turn; stop all but one"
                );
                let text = format!(
                    "several processes are called {neighbour}, at {latest} and {other}; stop all but one"
                );
                shared.events.warn("names", &text);
            }
        }
    }
}
