//! What may be forgotten because all wall clocks have leaped.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::update::Update;

/// A moment at which all wall clocks leaped so far that clients had to be forgotten that did not
/// report again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leap {
    /// The time, in microseconds since the start of the run.
    pub at: u64,
    /// A [window](herd::message::At::window) after all reports before the leap, and before all
    /// reports after it.
    pub window: u64,
}

impl Facts<'_> {
    /// Returns whether nodes forget an update at `at` or have done so, because its client did not
    /// report again.
    pub(super) fn is_forgotten(&self, update: &Update<'_>, at: u64) -> bool {
        let leap = self.history.setting.leap.filter(|leap| at >= leap.at);
        leap.zip(update.report).is_some_and(|(leap, report)| report.window < leap.window)
    }

    /// Returns whether an update has lost to a report that was to be forgotten. Such an update is
    /// known or not: it depends on which came first at a node, the horizon or the other report.
    /// Nodes that have heard of both compare their records, and then know the update.
    pub(super) fn has_lost_to_forgotten(&self, update: &Update<'_>) -> bool {
        let has_lost = |of: &Update<'_>| of.client == update.client && update.is_superseded_by(of);
        update.report.is_some() && self.forgotten.iter().any(has_lost)
    }

    /// Returns whether there is such an update.
    pub(super) fn has_losers(&self) -> bool {
        self.acknowledged().any(|(_, _, update)| {
            !self.is_forgotten(&update, u64::MAX) && self.has_lost_to_forgotten(&update)
        })
    }

    /// Returns what nodes that know an update must know at `at`: the update, or the removal that it
    /// came after; `None` if that is nothing.
    pub(super) fn left_of<'u>(&self, update: Update<'u>, at: u64) -> Option<Update<'u>> {
        let has_leaped = self.history.setting.leap.is_some_and(|leap| at >= leap.at);
        if has_leaped && (self.is_forgotten(&update, at) || self.has_lost_to_forgotten(&update)) {
            return (update.removals > 0).then_some(Update { report: None, ..update });
        }
        Some(update)
    }
}
