//! In which order clients changed.

/// Which record of the table: an index.
pub(super) type RecordId = u32;

/// The compacting change log: one entry a record that counts, that of its latest change, under the sequence of
/// that change. So it is never much longer than the table, and reading it from any sequence on yields exactly
/// what has changed since.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    /// In the order of sequences. An entry whose record has changed again is stale, and skipped.
    entries: Vec<Entry>,
    /// The sequence of each record's latest change.
    latest: Vec<u64>,
    head: u64,
}

/// Two halves of a sequence, so that an entry takes 12 bytes and not 16.
#[derive(Clone, Copy, Debug)]
struct Entry {
    high: u32,
    low: u32,
    record: RecordId,
}

/// Stale entries that the log may hold before it is worth compacting.
const SLACK: usize = 1024;

impl ChangeLog {
    /// Notes a change of `record`, which is a new one when it is the number of those there are. `sequence` is
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

    /// The sequence of the last change; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// The sequence of a record's latest change.
    pub(super) fn latest(&self, record: RecordId) -> u64 {
        self.latest[record as usize]
    }

    /// How many entries stand after `sequence`, the stale ones too.
    pub(super) fn entries_after(&self, sequence: u64) -> usize {
        self.entries.len() - self.start(sequence)
    }

    /// Every record that changed after `sequence`, in the order of the changes, with the sequence of its latest.
    pub(super) fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, RecordId)> {
        let changes =
            self.entries[self.start(sequence)..].iter().map(|entry| (entry.sequence(), entry.record));
        changes.filter(|(sequence, record)| self.latest[*record as usize] == *sequence)
    }

    /// Where the entries after `sequence` begin.
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
