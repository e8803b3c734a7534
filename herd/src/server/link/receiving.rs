//! Applies the lines of a neighbour.

use smallvec::SmallVec;

use super::LinkTask;
use crate::message::Piece;
use crate::node::{HeardLine, LinkEnd, LinkEvent, Outcome, PRELOADED};
use crate::server::link_log::{log_event, log_heard, name};
use crate::server::shared::{clock, lock};
use crate::server::store::Settled;
use crate::telemetry::LogLines;

impl LinkTask {
    /// Applies the lines that have arrived.
    pub(super) fn receive(&mut self) -> Result<(), LinkEnd> {
        let mut changes = Changes::default();
        let result = loop {
            match self.receive_some(&mut changes) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(end) => break Err(end),
            }
        };
        if let Some((settled, head)) = changes.grown {
            self.shared.note_growth(settled, head);
        }
        if changes.up {
            self.handshake = None;
            self.shared.announce_link_change();
        } else if changes.bulk_over {
            self.shared.link_work.wake_all();
        }
        result
    }

    /// Applies some lines under one lock of the node. Returns whether there were any.
    fn receive_some(&mut self, changes: &mut Changes) -> Result<bool, LinkEnd> {
        let LinkTask { shared, link, lines, .. } = self;
        // Parsed before the lock is taken, so that other threads wait less.
        let mut ahead: SmallVec<[_; PRELOADED]> = SmallVec::new();
        let mut next = 0;
        let mut is_too_long = false;
        for (piece, end) in lines.ahead().take(PRELOADED) {
            let Piece::Line(line) = piece else {
                is_too_long = true;
                break;
            };
            ahead.push(HeardLine::parse(line));
            next = end;
        }
        if ahead.is_empty() {
            let end = LinkEnd::Framing("a line too long for a link".to_owned());
            return if is_too_long { Err(end) } else { Ok(false) };
        }
        let now = shared.now();
        let clock = clock();
        let memory_is_full = shared.memory.is_full();
        // Dropped after the lock, like everything that was made before it.
        let mut log;
        let mut store = lock(shared);
        let settled = store.settled();
        let node = &mut store.node;
        log = LogLines::of_neighbour(name(node, link.neighbour()));
        ahead.iter_mut().for_each(|heard| heard.locate(node));
        node.preload(ahead.iter().filter_map(HeardLine::place));
        for heard in &ahead {
            if let Some(log) = &mut log {
                log_heard(log, heard.line());
            }
            if memory_is_full && link.would_add_client(node, heard) {
                return Err(LinkEnd::MemoryFull);
            }
            let neighbour = link.neighbour();
            let event = link.receive_parsed(node, heard, now, clock);
            if let Some(log) = log.as_mut().filter(|_| link.neighbour() != neighbour) {
                log.set_neighbour(name(node, link.neighbour()));
            }
            shared.durations.note_line(node, link.neighbour(), heard.line(), &event);
            if let Some(event) = event? {
                changes.note(&event, settled, node.table().head());
                // The lines so far precede what the log shows of this one.
                if let Some(log) = log.as_mut().filter(|_| !matches!(event, LinkEvent::Update { .. })) {
                    log.end();
                }
                log_event(shared, node, link.neighbour(), event, heard.line());
            }
        }
        drop(store);
        drop(ahead);
        lines.take_up_to(next);
        Ok(true)
    }
}

/// What received lines have changed.
#[derive(Default)]
struct Changes {
    /// What no longer waited for the disk, and the last sequence of the change log, if that has
    /// grown.
    grown: Option<(Settled, u64)>,
    /// The link is complete.
    up: bool,
    /// A bulk sync with another neighbour may start.
    bulk_over: bool,
}

impl Changes {
    fn note(&mut self, event: &LinkEvent, settled: Settled, head: u64) {
        match event {
            LinkEvent::Update { outcome: Outcome::Fresh, .. } => {
                self.grown = Some((self.grown.map_or(settled, |(settled, _)| settled), head));
            }
            LinkEvent::BulkOver => self.bulk_over = true,
            LinkEvent::Up { .. } => self.up = true,
            _ => {}
        }
    }
}
