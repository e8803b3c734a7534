//! Reads the table for a page of clients, in steps, so that no report waits long.

use std::thread;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::page::Entry;
use super::query::Cursor;
use crate::node::Record;
use crate::server::shared::{Shared, lock};

/// The number of records that are read while the node waits. This takes some tens of microseconds.
const STEP: u32 = 256;

/// Collects a page of clients.
pub(super) trait Finder {
    /// The first record to read.
    fn first(&self) -> u32;

    /// Whether a record may belong to the page. The node waits meanwhile.
    fn may_take(&self, record: Record<'_>) -> bool;

    /// Takes such a record, by its AT line. Returns whether the page is complete.
    fn take(&mut self, record: u32, at: Box<[u8]>) -> bool;

    /// The clients found, and the end of the page if there are more.
    fn finish(self) -> (Vec<Entry>, Option<Cursor>);
}

/// Reads the table until the page is complete, or to its end. Returns the number of clients that
/// the node knows, the clients found, and the end of the page if there are more; `None` if `stop`
/// is cancelled. Blocks its thread, which rests half of the time.
pub(super) fn scan<F: Finder>(
    shared: &Shared,
    mut finder: F,
    stop: &CancellationToken,
) -> Option<(usize, Vec<Entry>, Option<Cursor>)> {
    let mut next = finder.first();
    let mut lines = Vec::new();
    loop {
        let began = Instant::now();
        let store = lock(shared);
        let table = store.node.table();
        let known = table.len();
        // A cursor from outside may be beyond the end.
        let end = next.saturating_add(STEP).min(table.end_of_records()).max(next);
        for (number, _, record) in table.records(next..end) {
            if finder.may_take(record)
                && let Some(at) = record.at()
            {
                lines.push((number, at.into()));
            }
        }
        let is_last = end >= table.end_of_records();
        drop(store);
        next = end;
        let is_complete = lines.drain(..).any(|(number, at)| finder.take(number, at));
        if is_complete || is_last {
            let (found, end) = finder.finish();
            return Some((known, found, end));
        }
        if stop.is_cancelled() {
            return None;
        }
        thread::sleep(began.elapsed());
    }
}
