//! What a neighbour has announced, and this node may lack.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bug::{Bug, is_planted};
use crate::message::{At, LinkLine};
use crate::node::Node;
use crate::node::neighbours::{Cursor, LinkId};

/// Windows whose sums at a neighbour differ from this node's.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// The neighbour's sum of each.
    windows: BTreeMap<u64, u64>,
    /// The mark that counts once there is none.
    mark: u64,
    /// When the first of them was announced.
    since: Duration,
    /// The windows that the neighbour has been asked for, and has not answered yet.
    asked: Option<BTreeMap<u64, u64>>,
    /// Whether the answer contains something new so far.
    is_useful: bool,
    /// How often in a row an answer contained nothing new.
    useless: u32,
}

/// How long to wait for the missing updates before the neighbour is asked for them, the first time
/// and after many answers that contained nothing new. Updates that are only late must not be sent
/// twice, least of all by a herd that has more to do than it can.
const PATIENCE: Duration = Duration::from_millis(25);
const LONGEST_PATIENCE: Duration = Duration::from_millis(1600);

/// How long to wait for one neighbour's answer before another one is asked.
const ANSWER: Duration = Duration::from_millis(100);

/// The largest number of windows in one request, and of windows that can be missing. A neighbour
/// keeps 256.
const ASKED: usize = 100;
const MOST: usize = 512;

impl Missing {
    /// Takes a mark, and the windows that come with it. Returns `false` if the neighbour has
    /// announced more windows than it can have.
    pub(super) fn take_mark(
        &mut self,
        node: &Node,
        mark: u64,
        windows: impl Iterator<Item = (u64, u64)>,
        now: Duration,
    ) -> bool {
        self.mark = self.mark.max(mark);
        for (window, sum) in windows {
            if node.table.windows().covers(window, sum) || is_planted(Bug::AnnouncementBelieved) {
                self.windows.remove(&window);
            } else {
                if self.windows.is_empty() {
                    self.since = now;
                }
                self.windows.insert(window, sum);
            }
        }
        self.windows.len() <= MOST
    }

    /// Drops the windows of which nothing is missing any more. Returns the mark that counts now, if
    /// nothing is missing at all.
    pub(super) fn settle(&mut self, node: &Node) -> Option<u64> {
        self.windows.retain(|window, sum| !node.table.windows().covers(*window, *sum));
        self.windows.is_empty().then_some(self.mark)
    }

    /// Returns when to check again whether something is missing; `None` if nothing is.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let is_waiting = !self.windows.is_empty() && self.asked.is_none();
        is_waiting.then(|| (self.since + self.patience()).max(now + PATIENCE))
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
        let is_due = !self.windows.is_empty() && self.asked.is_none() && now >= self.since + self.patience();
        let others_turn = node.repair.is_some_and(|(other, asked)| other != link && now < asked + ANSWER);
        if !is_due || others_turn {
            return;
        }
        let asked: BTreeMap<u64, u64> =
            self.windows.iter().take(ASKED).map(|(window, sum)| (*window, *sum)).collect();
        let numbers: Vec<String> = asked.keys().map(u64::to_string).collect();
        LinkLine::Want { sequence: cursor.sequence, windows: &numbers.join(" ") }.write(out);
        node.repair = Some((link, now));
        self.asked = Some(asked);
        self.is_useful = false;
    }

    /// Returns whether the neighbour has been asked for the window of a report, and has not
    /// answered yet.
    pub(super) fn is_asked_for(&self, report: &At<'_>) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.contains_key(&report.window()))
    }

    /// Notes that the answer contains something new.
    pub(super) fn note_news(&mut self) {
        self.is_useful = true;
    }

    /// Takes the end of the answer, with the windows that were sent. Returns `None` if nothing was
    /// asked, and otherwise whether the answer contained something new.
    pub(super) fn take_answer(
        &mut self,
        node: &mut Node,
        windows: impl Iterator<Item = (u64, u64)>,
        now: Duration,
    ) -> Option<bool> {
        let asked = self.asked.take()?;
        for (window, sum) in windows {
            node.table.accept_window(window, sum);
            // One that was announced again meanwhile may have changed after the answer began.
            if self.windows.get(&window) == asked.get(&window) {
                self.windows.remove(&window);
            }
        }
        self.since = now;
        self.useless = if self.is_useful { 0 } else { self.useless + 1 };
        node.repair = None;
        Some(self.is_useful)
    }

    fn patience(&self) -> Duration {
        PATIENCE.saturating_mul(1 << self.useless.min(10)).min(LONGEST_PATIENCE)
    }
}
