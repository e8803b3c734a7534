//! The order in which the records of a table changed.

/// The index of a record in the table.
pub(super) type RecordId = u32;

/// The compacting change log. It has one current entry for each record, under the sequence of the
/// record's latest change. So it is never much longer than the table, and reading it from any
/// sequence yields exactly the records that changed since.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    /// Entries in the order of their sequences. An entry is stale, and skipped, if its record has
    /// changed again.
    entries: Vec<Entry>,
    /// The sequence of each record's latest change.
    latest: Vec<u64>,
    head: u64,
}

/// The sequence in two halves, so that an entry needs 12 bytes instead of 16.
#[derive(Clone, Copy, Debug)]
struct Entry {
    high: u32,
    low: u32,
    record: RecordId,
}

/// The number of stale entries that are not worth compacting.
const SLACK: usize = 1024;

impl ChangeLog {
    /// Notes a change of `record`. A new record has the number of those that exist. `sequence` is
    /// later than all before.
    pub(super) fn note_change(&mut self, record: RecordId, sequence: u64) {
        self.head = sequence;
        self.entries.push(Entry::new(sequence, record));
        match self.latest.get_mut(record as usize) {
            Some(latest) => *latest = sequence,
            None => self.latest.push(sequence),
        }
        if self.entries.len() > 2 * self.latest.len() + SLACK {
            let latest = &self.latest;
            self.entries.retain(|entry| latest[entry.record as usize] == entry.sequence());
        }
    }

    /// Returns the sequence of the last change; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Returns the sequence of a record's latest change.
    pub(super) fn latest(&self, record: RecordId) -> u64 {
        self.latest[record as usize]
    }

    /// Returns the number of entries after `sequence`, including stale ones.
    pub(super) fn entries_after(&self, sequence: u64) -> usize {
        self.entries.len() - self.start(sequence)
    }

    /// Returns each record that changed after `sequence` with the sequence of its latest change, in
    /// that order.
    pub(super) fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, RecordId)> {
        let changes =
            self.entries[self.start(sequence)..].iter().map(|entry| (entry.sequence(), entry.record));
        changes.filter(|(sequence, record)| self.latest[*record as usize] == *sequence)
    }

    /// Returns the index of the first entry after `sequence`.
    fn start(&self, sequence: u64) -> usize {
        self.entries.partition_point(|entry| entry.sequence() <= sequence)
    }
}

impl Entry {
    fn new(sequence: u64, record: RecordId) -> Entry {
        Entry { high: (sequence >> 32) as u32, low: sequence as u32, record }
    }

    fn sequence(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stands_where_it_changed_last_and_the_log_stays_short() {
        let mut log = ChangeLog::default();
        (0..3).for_each(|record| log.note_change(record, u64::from(record) + 1));
        (4..=100_003).for_each(|sequence| log.note_change(1, sequence));
        assert_eq!(log.after(0).collect::<Vec<_>>(), [(1, 0), (3, 2), (100_003, 1)]);
        assert_eq!(log.after(3).collect::<Vec<_>>(), [(100_003, 1)]);
        assert_eq!(log.after(100_003).next(), None);
        assert!(log.entries.len() <= 2 * 3 + SLACK);
    }

    #[test]
    fn sequences_beyond_32_bits_keep_their_order() {
        let mut log = ChangeLog::default();
        let last = 1 << 32;
        (0..3).for_each(|record| log.note_change(record, last - 1 + u64::from(record)));
        assert_eq!(log.after(last - 1).collect::<Vec<_>>(), [(last, 1), (last + 1, 2)]);
    }
}
