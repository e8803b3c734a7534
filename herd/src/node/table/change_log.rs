//! The order in which the records of a table changed.

use std::collections::VecDeque;

use super::slab::Slab;

/// The index of a record in the table.
pub(super) type RecordId = u32;

/// The compacting change log. It has one current entry for each record, under the sequence of the
/// record's latest change. So it is never much longer than the table, and reading it from any
/// sequence yields exactly the records that changed since.
///
/// The log consists of chunks, so it grows without a copy of itself. One chunk is compacted at a
/// time, so no report waits for a whole compaction.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    /// The chunks that have been compacted since the start of this round, which are the oldest.
    compacted: VecDeque<Chunk>,
    /// The others. Changes are appended to the last one.
    rest: VecDeque<Chunk>,
    /// The number of entries in all chunks.
    entries: usize,
    /// The sequence of each record's latest change; 0 if there is no such record.
    latest: Slab<u64>,
    head: u64,
}

/// Entries in the order of their sequences. An entry is stale, and skipped, if its record has
/// changed again.
#[derive(Debug)]
struct Chunk {
    /// The sequence of the first entry.
    first: u64,
    entries: Vec<Entry>,
}

/// A change in 8 bytes: the sequence counts from the first one of the chunk.
#[derive(Clone, Copy, Debug)]
struct Entry {
    after_first: u32,
    record: RecordId,
}

/// The largest number of entries in a chunk. Compacting one takes some tens of microseconds.
const CHUNK: usize = 4096;

/// The number of stale entries that are not worth compacting.
const SLACK: usize = 1024;

impl ChangeLog {
    /// Notes a change of `record`. A new record has the number that [`Slab::push`] gives to it.
    /// `sequence` is later than all before.
    pub(super) fn note_change(&mut self, record: RecordId, sequence: u64) {
        self.head = sequence;
        append(&mut self.rest, sequence, record);
        self.entries += 1;
        if self.has(record) {
            *self.latest.get_mut(record) = sequence;
        } else {
            let number = self.latest.push(sequence);
            debug_assert_eq!(number, record);
        }
        self.compact();
    }

    /// Forgets a record and its changes.
    pub(super) fn forget(&mut self, record: RecordId) {
        self.latest.remove(record, 0);
    }

    /// Compacts a chunk if there are too many stale entries.
    pub(super) fn compact(&mut self) {
        let records = self.latest.len();
        if self.entries > records + records / 2 + SLACK {
            self.compact_one_chunk();
        }
    }

    /// Returns the sequence of the last change; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Returns whether there is such a record.
    pub(super) fn has(&self, record: RecordId) -> bool {
        self.latest.look(record).is_some_and(|latest| *latest > 0)
    }

    /// Returns a number that is greater than those of all records.
    pub(super) fn end(&self) -> RecordId {
        self.latest.end()
    }

    /// Returns the sequence of a record's latest change.
    pub(super) fn latest(&self, record: RecordId) -> u64 {
        *self.latest.get(record)
    }

    /// Returns the number of entries after `sequence`, including stale ones.
    pub(super) fn entries_after(&self, sequence: u64) -> usize {
        self.chunks_after(sequence).map(|chunk| chunk.after(sequence).len()).sum()
    }

    /// Returns each record that changed after `sequence` with the sequence of its latest change, in
    /// that order.
    pub(super) fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, RecordId)> {
        let changes = self.chunks_after(sequence).flat_map(move |chunk| {
            chunk.after(sequence).iter().map(|entry| (chunk.sequence(*entry), entry.record))
        });
        changes.filter(|(sequence, record)| self.is_latest(*record, *sequence))
    }

    fn is_latest(&self, record: RecordId, sequence: u64) -> bool {
        self.latest.look(record) == Some(&sequence)
    }

    /// Returns the chunks with entries after `sequence`.
    fn chunks_after(&self, sequence: u64) -> impl Iterator<Item = &Chunk> {
        let parts = [&self.compacted, &self.rest];
        parts.into_iter().flat_map(move |part| {
            let start = part.partition_point(|chunk| chunk.last() <= sequence);
            part.range(start..)
        })
    }

    /// Drops the stale entries of the next chunk. A round begins again when only the chunk that
    /// changes are appended to is left.
    fn compact_one_chunk(&mut self) {
        if self.rest.len() <= 1 {
            self.compacted.append(&mut self.rest);
            std::mem::swap(&mut self.compacted, &mut self.rest);
        }
        let Some(chunk) = self.rest.pop_front() else { return };
        self.entries -= chunk.entries.len();
        for entry in &chunk.entries {
            let sequence = chunk.sequence(*entry);
            if self.is_latest(entry.record, sequence) {
                append(&mut self.compacted, sequence, entry.record);
                self.entries += 1;
            }
        }
    }
}

/// Appends an entry to the last chunk, or to a new one if that is full.
fn append(chunks: &mut VecDeque<Chunk>, sequence: u64, record: RecordId) {
    if let Some(chunk) = chunks.back_mut()
        && chunk.entries.len() < CHUNK
        && let Ok(after_first) = u32::try_from(sequence - chunk.first)
    {
        chunk.entries.push(Entry { after_first, record });
        return;
    }
    // The chunks of a small table are small.
    let room = if chunks.is_empty() { 0 } else { CHUNK };
    let mut entries = Vec::with_capacity(room);
    entries.push(Entry { after_first: 0, record });
    chunks.push_back(Chunk { first: sequence, entries });
}

impl Chunk {
    fn sequence(&self, entry: Entry) -> u64 {
        self.first + u64::from(entry.after_first)
    }

    /// Returns the sequence of the last entry.
    fn last(&self) -> u64 {
        self.entries.last().map_or(self.first, |entry| self.sequence(*entry))
    }

    /// Returns the entries after `sequence`.
    fn after(&self, sequence: u64) -> &[Entry] {
        &self.entries[self.entries.partition_point(|entry| self.sequence(*entry) <= sequence)..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_stands_where_it_changed_last_and_the_log_stays_short() {
        let mut log = ChangeLog::default();
        (0..3).for_each(|record| log.note_change(record, u64::from(record) + 1));
        (4..=100_003).for_each(|sequence| log.note_change(1, sequence));
        assert_eq!(log.after(0).collect::<Vec<_>>(), [(1, 0), (3, 2), (100_003, 1)]);
        assert_eq!(log.after(3).collect::<Vec<_>>(), [(100_003, 1)]);
        assert_eq!(log.after(100_003).next(), None);
        assert!(log.entries <= 3 + 1 + SLACK + CHUNK);
    }

    #[test]
    fn sequences_beyond_32_bits_keep_their_order() {
        let mut log = ChangeLog::default();
        let last = 1 << 32;
        log.note_change(0, 1);
        (1..4).for_each(|record| log.note_change(record, last - 1 + u64::from(record)));
        assert_eq!(log.after(last).collect::<Vec<_>>(), [(last + 1, 2), (last + 2, 3)]);
        assert_eq!(log.after(0).count(), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn the_log_is_the_order_of_latest_changes_after_any_number_of_compactions(seed: u64, from in 0_u64..60_000) {
            const RECORDS: u32 = 5000;
            let mut log = ChangeLog::default();
            let mut latest = vec![0; RECORDS as usize];
            let mut random = seed;
            for sequence in 1..=60_000_u64 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let known = (sequence as u32 - 1).min(RECORDS);
                let record = if known < RECORDS { known } else { (random >> 40) as u32 % RECORDS };
                log.note_change(record, sequence);
                latest[record as usize] = sequence;
                prop_assert!(log.entries <= latest.len() * 3 / 2 + SLACK + CHUNK);
            }
            let mut expected: Vec<(u64, u32)> =
                (0..RECORDS).map(|record| (latest[record as usize], record)).filter(|(at, _)| *at > from).collect();
            expected.sort_unstable();
            prop_assert_eq!(log.after(from).collect::<Vec<_>>(), expected);
            prop_assert!(log.entries_after(from) >= log.after(from).count());
            prop_assert_eq!(log.entries_after(0), log.entries);
        }
    }
}
