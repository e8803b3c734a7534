//! Forgetting: the table drops the records of clients that have not reported for long.
//!
//! A horizon says up to which window reports are forgotten. From then on such a report loses to
//! everything, so nodes with the same horizon keep the same records, whatever the order in which
//! reports and horizon arrive. A removal has no time and is never forgotten: of a forgotten report
//! after a removal, the removal stays.
//!
//! The horizon counts at once. The records that it covers are dropped later, in pieces.

use super::change_log::RecordId;
use super::{Record, Source, Table, digest};
use crate::message::Update;

/// The number of records in a piece. Dropping them takes less than a millisecond.
const PIECE: u32 = 512;

/// The horizon, and the records that may be covered by it.
#[derive(Debug, Default)]
pub(super) struct Forgetting {
    /// Reports that were received in this [window](crate::message::At::window) or before are
    /// forgotten; 0 if nothing is.
    horizon: u64,
    /// For each piece of the records: a window before which none of its reports was received.
    oldest: Vec<u64>,
    /// The next piece to look at; `None` if the horizon covers no record any more.
    next: Option<usize>,
    /// The number of records that were dropped.
    dropped: u64,
}

impl Forgetting {
    /// Notes the window of a report that a record has.
    pub(super) fn note(&mut self, record: RecordId, window: u64) {
        let piece = (record / PIECE) as usize;
        if piece >= self.oldest.len() {
            self.oldest.resize(piece + 1, u64::MAX);
        }
        self.oldest[piece] = self.oldest[piece].min(window);
    }

    fn forgets(&self, window: u64) -> bool {
        self.horizon > 0 && window <= self.horizon
    }

    fn covers(&self, update: &Update<'_>) -> bool {
        self.horizon > 0 && update.report.is_some_and(|at| self.forgets(at.window()))
    }
}

impl Table {
    /// Returns the window up to which reports are forgotten; 0 if nothing is.
    pub fn forgotten(&self) -> u64 {
        self.forgetting.horizon
    }

    /// Returns whether reports of this window are forgotten.
    pub(in crate::node) fn forgets(&self, window: u64) -> bool {
        self.forgetting.forgets(window)
    }

    /// Returns the number of clients whose records were dropped.
    pub fn clients_forgotten(&self) -> u64 {
        self.forgetting.dropped
    }

    /// Returns whether records may be left that are to be dropped.
    pub(in crate::node) fn is_forgetting(&self) -> bool {
        self.forgetting.next.is_some()
    }

    /// Forgets the reports that were received in this window or before. A horizon is never lowered.
    pub(in crate::node) fn forget_up_to(&mut self, window: u64) {
        if window > self.forgetting.horizon {
            self.forgetting.horizon = window;
            self.forgetting.next = Some(0);
        }
    }

    /// Drops a piece of the records that the horizon covers, which takes less than a millisecond.
    /// Returns whether more may be left.
    pub(in crate::node) fn drop_forgotten(&mut self) -> bool {
        let Forgetting { horizon, oldest, next, .. } = &mut self.forgetting;
        let Some(first) = *next else { return false };
        let found = (first..oldest.len()).find(|piece| oldest[*piece] <= *horizon);
        *next = found.map(|piece| piece + 1);
        let Some(piece) = found else { return false };
        oldest[piece] = u64::MAX;
        let start = piece as RecordId * PIECE;
        for record in start..start + PIECE {
            if self.log.has(record) {
                self.drop_if_forgotten(record);
            }
        }
        self.log.compact();
        true
    }

    /// Returns whether the horizon covers a record that has not been dropped yet.
    pub(super) fn is_forgotten(&self, record: Record<'_>) -> bool {
        let is_covered =
            |line: &[u8]| Update::parse(line).is_some_and(|known| self.forgetting.covers(&known));
        self.is_forgetting() && record.with_line(is_covered)
    }

    /// Drops a record, or replaces it by the removal of its client, if the horizon covers it.
    /// Returns the record if there is one left.
    pub(super) fn drop_if_forgotten(&mut self, record: RecordId) -> Option<RecordId> {
        let known = self.records.get(record);
        let (line, source) = (known.line(), known.source());
        let Some(update @ Update { report: Some(at), .. }) = Update::parse(&line) else {
            return Some(record);
        };
        if !self.forgetting.covers(&update) {
            self.forgetting.note(record, at.window());
            return Some(record);
        }
        self.forgetting.dropped += 1;
        self.drop_report(record, &update, source)
    }

    /// Drops the report of a record, whose line is `update`. Returns the record if the removal of
    /// its client is left.
    pub(super) fn drop_report(
        &mut self,
        record: RecordId,
        update: &Update<'_>,
        source: Source,
    ) -> Option<RecordId> {
        self.uncount(record);
        if let Some(line) = removal_of(update) {
            let removal = Update { line: &line, report: None, ..*update };
            self.records.replace(record, &removal, source);
            self.count(&removal, digest(&line));
            return Some(record);
        }
        let hash_of = |record| self.hasher.hash_one(self.records.get(record).client());
        self.index.remove(hash_of(record), record, hash_of);
        self.records.remove(record);
        self.log.forget(record);
        None
    }

    /// Returns what counts of an update: of a report that the horizon covers, only the removal that
    /// it comes after, whose line is put into `line`; `None` if there is none.
    pub(super) fn left_of<'a>(&self, update: &Update<'a>, line: &'a mut Vec<u8>) -> Option<Update<'a>> {
        if !self.forgetting.covers(update) {
            return Some(*update);
        }
        *line = removal_of(update)?;
        Some(Update { line, report: None, ..*update })
    }
}

/// Returns the line of the removal that a report comes after, if there is one.
pub(super) fn removal_of(update: &Update<'_>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    Update::write_removal(&mut line, update.removals, update.client);
    (update.removals > 0).then_some(line)
}
