//! The lines of the latest changes, for a reader of the change log that takes all of them at once.

/// The lines of consecutive changes. Taking them is an exchange of two buffers, whatever their
/// number, and neither the change log nor a record is read for it.
///
/// # Examples
/// ```
/// use herd::message::Update;
/// use herd::node::{RecentLines, Source, Table};
///
/// let mut table = Table::new(7);
/// table.keep_recent(1000);
/// let line = b"AT Alford +0.500000000 kiwi +34.068930-118.445127 1000000000.5";
/// table.apply_update(&Update::parse(line).unwrap(), Source::Client);
/// let mut recent = RecentLines::default();
/// assert!(table.take_recent(0, &mut recent));
/// assert_eq!(recent.after(0).collect::<Vec<_>>(), [(1, &line[..])]);
/// assert!(table.take_recent(1, &mut recent) && recent.is_empty());
/// assert!(!table.take_recent(0, &mut recent), "these lines have been taken");
/// ```
#[derive(Debug, Default)]
pub struct RecentLines {
    /// The lines, each with its line end.
    lines: Vec<u8>,
    /// The sequence before the first of them, and that of the last.
    after: u64,
    last: u64,
    /// The number of bytes beyond which earlier lines are dropped. With 0, no lines are kept.
    most: usize,
}

/// The capacity in bytes that the buffer keeps after it has been much longer.
const KEPT: usize = 256 * 1024;

impl RecentLines {
    /// Returns whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns each line after `sequence`, without its line end, and its sequence.
    pub fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, &[u8])> {
        let mut start = 0;
        let lines = memchr::memchr_iter(b'\n', &self.lines).map(move |end| {
            let line = &self.lines[start..end];
            start = end + 1;
            line
        });
        (self.after + 1..).zip(lines).skip_while(move |(of_line, _)| *of_line <= sequence)
    }

    /// Removes the lines.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.lines.shrink_to(KEPT);
        self.after = self.last;
    }

    /// Sets the number of bytes of lines to keep, of the changes after `sequence`.
    pub(super) fn keep(&mut self, most: usize, sequence: u64) {
        *self = RecentLines { after: sequence, last: sequence, most, ..RecentLines::default() };
    }

    /// Keeps the line of a change. Drops the earlier ones if they are not the changes right before
    /// it, or too long together.
    pub(super) fn note(&mut self, sequence: u64, line: &[u8]) {
        if self.most == 0 {
            return;
        }
        if sequence != self.last + 1 || self.lines.len() + line.len() >= self.most {
            self.lines.clear();
            self.after = sequence - 1;
        }
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        self.last = sequence;
    }

    /// Moves all lines to `out` if no line after `sequence` has been dropped. Returns whether it
    /// has.
    pub(super) fn take(&mut self, sequence: u64, out: &mut RecentLines) -> bool {
        if self.most == 0 || self.after > sequence {
            return false;
        }
        std::mem::swap(&mut self.lines, &mut out.lines);
        (out.after, out.last) = (self.after, self.last);
        self.clear();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(recent: &mut RecentLines, sequence: u64) -> Option<Vec<(u64, String)>> {
        let mut out = RecentLines::default();
        let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
        recent
            .take(sequence, &mut out)
            .then(|| out.after(sequence).map(|(sequence, line)| (sequence, text(line))).collect())
    }

    fn keeping(most: usize) -> RecentLines {
        RecentLines { most, ..RecentLines::default() }
    }

    #[test]
    fn a_reader_gets_what_it_lacks_or_nothing() {
        let mut recent = keeping(100);
        assert_eq!(taken(&mut recent, 0), Some(vec![]));
        for sequence in 5..8 {
            recent.note(sequence, format!("line {sequence}").as_bytes());
        }
        assert_eq!(taken(&mut recent, 3), None, "4 was never here");
        assert_eq!(taken(&mut recent, 6), Some(vec![(7, "line 7".to_owned())]));
        recent.note(8, b"line 8");
        assert_eq!(taken(&mut recent, 6), None);
        assert_eq!(taken(&mut recent, 7), Some(vec![(8, "line 8".to_owned())]));
    }

    #[test]
    fn lines_that_nobody_takes_are_bounded() {
        let mut recent = keeping(20);
        (1..100).for_each(|sequence| recent.note(sequence, b"a line"));
        assert!(recent.lines.len() <= 20, "{}", recent.lines.len());
        assert_eq!(taken(&mut recent, 0), None);
        assert_eq!(taken(&mut recent, 98), Some(vec![(99, "a line".to_owned())]));
    }

    #[test]
    fn a_reader_that_begins_behind_gets_nothing() {
        let mut recent = RecentLines::default();
        recent.keep(100, 7);
        assert_eq!(taken(&mut recent, 6), None, "7 was here before");
        assert_eq!(taken(&mut recent, 7), Some(vec![]));
        recent.note(8, b"line 8");
        assert_eq!(taken(&mut recent, 7), Some(vec![(8, "line 8".to_owned())]));
    }

    #[test]
    fn lines_are_kept_for_a_reader_only() {
        let mut recent = RecentLines::default();
        recent.note(1, b"a line");
        assert!(recent.is_empty());
        assert_eq!(taken(&mut recent, 0), None);
    }
}
