//! Events that are rare: links that come up or go down, refusals, and warnings.

use serde::Serialize;

use super::{Events, milliseconds};
use crate::node::LinkEnd;
use crate::server::shared::{Shared, clock, lock};

#[derive(Serialize)]
struct LinkChange<'a> {
    neighbour: &'a str,
    state: &'static str,
    at_ms: u64,
    text: String,
}

#[derive(Serialize)]
struct Warning<'a> {
    what: &'static str,
    at_ms: u64,
    text: &'a str,
}

#[derive(Serialize)]
struct Refusal {
    what: &'static str,
    count: u64,
    at_ms: u64,
    text: String,
}

impl Events {
    /// Publishes that the link with a neighbour is up.
    pub(in crate::server) fn link_up(&self, neighbour: &str) {
        self.push_link(neighbour, "up", "link up".to_owned());
    }

    /// Publishes that the link with a neighbour is down.
    pub(in crate::server) fn link_down(&self, neighbour: &str, end: &LinkEnd) {
        self.push_link(neighbour, "down", format!("link down: {end}"));
    }

    fn push_link(&self, neighbour: &str, state: &'static str, text: String) {
        self.push("link", &LinkChange { neighbour, state, at_ms: milliseconds(clock()), text });
    }

    /// Publishes that something is wrong with `what`, or right again.
    pub(in crate::server) fn warn(&self, what: &'static str, text: &str) {
        self.push("warning", &Warning { what, at_ms: milliseconds(clock()), text });
    }
}

/// What a node has refused since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusals([u64; 5]);

/// What is refused, as the events name it, and why.
const REFUSED: [(&str, &str); 5] = [
    ("reports", "of new clients, or with a time too far in the future"),
    ("client connections", "because all places were taken"),
    ("clients", "because their TLS handshakes failed; the log has the reasons"),
    ("links", "on the link port; the log has the reasons"),
    ("places", "by the budget for requests"),
];

impl Refusals {
    pub(super) fn of(shared: &Shared) -> Refusals {
        use std::sync::atomic::Ordering::Relaxed;
        let reports = lock(shared).node.lines().reports_refused;
        let places = shared.places.budget().refused;
        let [crowd, handshakes, links] = [&shared.refused, &shared.handshakes_failed, &shared.links_refused]
            .map(|count| count.load(Relaxed));
        Refusals([reports, crowd, handshakes, links, places])
    }

    /// Publishes what has been refused since `before`.
    pub(super) fn publish_since(&self, before: &Refusals, events: &Events) {
        let at_ms = milliseconds(clock());
        for ((what, why), (now, before)) in REFUSED.into_iter().zip(self.0.into_iter().zip(before.0)) {
            let count = now - before;
            if count > 0 {
                let text = format!("refused {count} {what} {why}");
                events.push("refused", &Refusal { what, count, at_ms, text });
            }
        }
    }
}
