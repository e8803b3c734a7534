//! What the log shows of the lines of links.

use tracing::{debug, trace};

use crate::message::LinkLine;
use crate::node::{NeighbourId, Node};

/// The name of a neighbour, as the log shows it.
pub(super) fn name(node: &Node, neighbour: Option<NeighbourId>) -> &str {
    let known = neighbour.and_then(|id| node.neighbours().find(|(other, _)| *other == id));
    known.map_or("not yet known", |(_, name)| name)
}

/// Logs a line from a neighbour. Heartbeats are many and say little: they are logged at trace, and all other lines of links at debug.
pub(super) fn log_heard(neighbour: &str, line: &[u8]) {
    let shown = line.escape_ascii();
    if LinkLine::is_heartbeat(line) {
        trace!(from = neighbour, line = %shown, "heard");
    } else {
        debug!(from = neighbour, line = %shown, "heard");
    }
}

/// Logs the lines that were written to a neighbour.
pub(super) fn log_said(neighbour: &str, lines: &[u8]) {
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let shown = line.escape_ascii();
        if LinkLine::is_heartbeat(line) {
            trace!(to = neighbour, line = %shown, "said");
        } else {
            debug!(to = neighbour, line = %shown, "said");
        }
    }
}
