//! The last ten minutes of a herd.

use std::collections::VecDeque;

use serde::Serialize;

use super::picture::Picture;

/// How many seconds are kept.
const SECONDS: usize = 600;

/// The shortest time between two figures that are kept, in milliseconds. An action asks for a
/// picture between two seconds.
const APART_MS: u64 = 900;

/// How many notices are kept.
const NOTICES: usize = 200;

/// What a dashboard remembers.
#[derive(Debug, Default, Serialize)]
pub(super) struct History {
    seconds: VecDeque<Second>,
    notices: VecDeque<Notice>,
}

/// The figures of one second.
#[derive(Clone, Debug, Serialize)]
struct Second {
    at_ms: u64,
    /// The reports that all nodes took from clients, each second.
    reports_per_second: f64,
    /// The age of updates when they arrived from a neighbour.
    flood_p50_seconds: Option<f64>,
    flood_p99_seconds: Option<f64>,
}

/// Something that happened, in words.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Notice {
    /// The wall clock, in milliseconds since 1970.
    pub(super) at_ms: u64,
    /// The node that it happened to; `None` for the herd.
    pub(super) node: Option<String>,
    /// `link`, `refused`, `warning`, `missed` or `action`.
    pub(super) kind: String,
    pub(super) text: String,
}

impl History {
    pub(super) fn add_picture(&mut self, picture: &Picture) {
        if self.seconds.back().is_some_and(|last| picture.at_ms.abs_diff(last.at_ms) < APART_MS) {
            return;
        }
        let rates = picture.nodes.iter().filter_map(|node| node.reports_per_second);
        let second = Second {
            at_ms: picture.at_ms,
            reports_per_second: rates.sum(),
            flood_p50_seconds: picture.update_age.percentile(0.5),
            flood_p99_seconds: picture.update_age.percentile(0.99),
        };
        push(&mut self.seconds, second, SECONDS);
    }

    pub(super) fn add_notice(&mut self, notice: Notice) {
        push(&mut self.notices, notice, NOTICES);
    }
}

/// Adds an item, and removes the oldest beyond `most`.
fn push<T>(items: &mut VecDeque<T>, item: T, most: usize) {
    items.push_back(item);
    if items.len() > most {
        items.pop_front();
    }
}
