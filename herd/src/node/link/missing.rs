//! What a neighbour has announced, and this node may lack.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bug::{Bug, is_planted};
use crate::message::{At, LISTED, LinkLine, OriginWindow, list_windows};
use crate::node::Node;
use crate::node::neighbours::{Cursor, LinkId};
use crate::node::table::Table;

/// Windows whose sums at a neighbour differ from this node's.
#[derive(Debug, Default)]
pub(super) struct Missing {
    windows: BTreeMap<Key, Announced>,
    /// The mark that counts once there is none.
    mark: u64,
    /// The windows that the neighbour has been asked for, and has not answered yet.
    asked: Option<Asked>,
}

/// The name of an origin, and the number of a window.
type Key = (String, u64);

/// What a neighbour has announced of a window.
#[derive(Clone, Copy, Debug)]
struct Announced {
    sum: u64,
    /// When its sum was first found to differ from this node's.
    since: Duration,
}

/// A question to the neighbour.
#[derive(Debug)]
struct Asked {
    /// The windows, with the neighbour's sums.
    windows: BTreeMap<Key, u64>,
    /// How long the first of them had been missing.
    waited: Duration,
    /// Whether the answer contains something new so far.
    is_useful: bool,
}

/// How long to wait for one neighbour's answer before another one is asked.
const ANSWER: Duration = Duration::from_millis(100);

/// The time between two looks at what is missing.
const AGAIN: Duration = Duration::from_millis(25);

/// The largest number of windows that can be missing. A neighbour keeps 256 for each origin.
const MOST: usize = 256 * 256;

impl Missing {
    /// Takes a mark, and the windows that come with it. Returns `false` if the neighbour has
    /// announced more windows than it can have.
    pub(super) fn take_mark<'a>(
        &mut self,
        node: &Node,
        mark: u64,
        windows: impl Iterator<Item = (OriginWindow<'a>, u64)>,
        now: Duration,
    ) -> bool {
        self.mark = self.mark.max(mark);
        for (window, sum) in windows {
            let is_covered = covers(&node.table, window, sum) || is_planted(Bug::AnnouncementBelieved);
            if is_covered && self.windows.is_empty() {
                continue;
            }
            let key = (window.origin.to_owned(), window.number);
            if is_covered {
                self.windows.remove(&key);
            } else {
                self.windows.entry(key).or_insert(Announced { sum, since: now }).sum = sum;
            }
        }
        self.windows.len() <= MOST
    }

    /// Returns the mark that counts now, if nothing before it is missing.
    pub(super) fn settle(&mut self, node: &mut Node, now: Duration) -> Option<u64> {
        self.drop_covered(node, now);
        self.windows.is_empty().then_some(self.mark)
    }

    /// Drops the windows of which nothing is missing any more.
    fn drop_covered(&mut self, node: &mut Node, now: Duration) {
        let Node { table, lateness, .. } = node;
        self.windows.retain(|(origin, number), announced| {
            let window = table.window_sum(OriginWindow { origin, number: *number }, announced.sum);
            let Some(window) = window.filter(|window| table.windows().covers(*window)) else { return true };
            // What another neighbour was asked for says nothing about the tree.
            if !table.windows().is_repaired(window.origin, window.number) {
                lateness.note(now.saturating_sub(announced.since), now);
            }
            false
        });
    }

    /// Returns when to check again whether something is missing; `None` if nothing is.
    pub(super) fn due(&self, node: &Node, now: Duration) -> Option<Duration> {
        let first = self.windows.values().map(|announced| announced.since).min()?;
        let patience = node.lateness.patience(now);
        self.asked.is_none().then(|| (first + patience).max(now + AGAIN))
    }

    /// Asks the neighbour for what is missing, if it is time and no other neighbour is being asked.
    pub(super) fn ask(
        &mut self,
        node: &mut Node,
        link: LinkId,
        cursor: Cursor,
        now: Duration,
        out: &mut Vec<u8>,
    ) {
        let others_turn = node.repair.is_some_and(|(other, asked)| other != link && now < asked + ANSWER);
        if self.asked.is_some() || others_turn {
            return;
        }
        let patience = node.lateness.patience(now);
        if !self.windows.values().any(|announced| now >= announced.since + patience) {
            return;
        }
        self.drop_covered(node, now);
        let Node { table, trees, .. } = node;
        let may_come = |origin: &str, number| {
            let origin = table.origin(origin.as_bytes());
            origin.is_some_and(|origin| trees.is_behind(origin, number, now.saturating_sub(patience)))
        };
        let due = self.windows.iter().filter(|((origin, number), announced)| {
            now >= announced.since + patience && !may_come(origin, *number)
        });
        let due: Vec<(&Key, &Announced)> = due.take(LISTED).collect();
        let Some(first) = due.iter().map(|(_, announced)| announced.since).min() else { return };
        let listed = due.iter().map(|((origin, number), _)| OriginWindow { origin, number: *number });
        LinkLine::Want { sequence: cursor.sequence, windows: &list_windows(listed) }.write(out);
        node.repair = Some((link, now));
        let windows = due.into_iter().map(|(key, announced)| (key.clone(), announced.sum)).collect();
        self.asked = Some(Asked { windows, waited: now.saturating_sub(first), is_useful: false });
    }

    /// Returns whether the neighbour has been asked for the window of a report, and has not
    /// answered yet.
    pub(super) fn is_asked_for(&self, report: &At<'_>) -> bool {
        self.asked.as_ref().is_some_and(|asked| {
            let number = report.window();
            let server = report.server();
            asked.windows.keys().any(|(origin, asked)| *asked == number && origin.as_bytes() == server)
        })
    }

    /// Notes that the answer contains something new.
    pub(super) fn note_news(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.is_useful = true;
        }
    }

    /// Takes the end of the answer, with the windows that were sent. Returns `None` if nothing was
    /// asked, and otherwise whether the answer contained something new.
    pub(super) fn take_answer<'a>(
        &mut self,
        node: &mut Node,
        sent: impl Iterator<Item = (OriginWindow<'a>, u64)>,
        now: Duration,
    ) -> Option<bool> {
        let Asked { windows, waited, is_useful } = self.asked.take()?;
        for (window, sum) in sent {
            if let Some(window) = node.table.window_sum(window, sum) {
                node.table.windows_mut().accept(window);
            }
            // One that was announced again meanwhile may have changed after the answer began.
            let key = (window.origin.to_owned(), window.number);
            if self.windows.get(&key).map(|announced| announced.sum) == windows.get(&key).copied() {
                self.windows.remove(&key);
            }
        }
        for key in windows.keys() {
            self.windows.entry(key.clone()).and_modify(|announced| announced.since = now);
        }
        if !is_useful {
            // Nothing was lost. What differed was late, or had been replaced.
            node.lateness.note(waited, now);
        }
        node.repair = None;
        Some(is_useful)
    }
}

/// Returns whether a node knows all that a neighbour does of a window, if the neighbour's sum is
/// this.
fn covers(table: &Table, window: OriginWindow<'_>, sum: u64) -> bool {
    table.window_sum(window, sum).is_some_and(|window| table.windows().covers(window))
}
