//! Splits a stream of bytes into lines.

use std::ops::Range;

/// A line of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line without its line end.
    Line(&'a [u8]),
    /// The start of a line that is longer than the limit. The stream cannot be read further,
    /// because it is unknown where the next line starts.
    TooLong(&'a [u8]),
}

/// A buffer that bytes are appended to and lines are taken from, however the network splits the
/// lines.
///
/// A line ends with LF; one CR directly before the LF belongs to the line end.
///
/// # Examples
/// ```
/// use herd::message::{Lines, Piece};
///
/// let mut lines = Lines::new(80);
/// lines.room().extend_from_slice(b"first\r\nsec");
/// assert_eq!(lines.next_line(), Some(Piece::Line(b"first")));
/// assert_eq!(lines.next_line(), None);
/// lines.room().extend_from_slice(b"ond\n");
/// assert_eq!(lines.next_line(), Some(Piece::Line(b"second")));
/// ```
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// The offset of the next line.
    start: usize,
    /// The offset up to which no LF was found, so that a long line is searched only once.
    searched: usize,
    ended: bool,
    longest: usize,
    most_room: usize,
}

/// The room for the first read. A read that fills its room is followed by one with four times as
/// much, up to a bound. Most connections never send much at once.
const FIRST_ROOM: usize = 2 * 1024;
const MOST_ROOM: usize = 64 * 1024;

impl Lines {
    /// Returns a splitter for lines of at most `longest` bytes, without their line end.
    pub fn new(longest: usize) -> Lines {
        Lines::with_room(longest, MOST_ROOM)
    }

    /// Returns the same with room for at most `most_room` bytes, instead of 64 KiB, in addition to
    /// an unfinished line. The room is at least 2 KiB.
    pub fn with_room(longest: usize, most_room: usize) -> Lines {
        let most_room = most_room.max(FIRST_ROOM);
        Lines { buffer: Vec::new(), start: 0, searched: 0, ended: false, longest, most_room }
    }

    /// Changes the room to at most `most_room` bytes; it is at least 2 KiB.
    pub fn set_most_room(&mut self, most_room: usize) {
        self.most_room = most_room.max(FIRST_ROOM);
    }

    /// Returns the buffer to append bytes to, with spare capacity. Lines that were taken are
    /// removed from it first.
    pub fn room(&mut self) -> &mut Vec<u8> {
        let was_full = self.buffer.len() == self.buffer.capacity();
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if was_full {
            let room = (4 * self.buffer.capacity()).clamp(FIRST_ROOM, self.most_room);
            self.buffer.reserve_exact(room.saturating_sub(self.buffer.len()).max(FIRST_ROOM));
        }
        &mut self.buffer
    }

    /// Takes the next line; `None` if it is unfinished and not too long yet.
    pub fn next_line(&mut self) -> Option<Piece<'_>> {
        self.search();
        let (piece, next) = self.split(self.start, self.searched)?;
        self.take_up_to(next);
        Some(self.piece(piece))
    }

    /// Returns the lines that [`next_line`](Self::next_line) would take, each with the offset
    /// behind it, without taking them.
    ///
    /// # Examples
    /// ```
    /// use herd::message::{Lines, Piece};
    ///
    /// let mut lines = Lines::new(80);
    /// lines.room().extend_from_slice(b"first\nsecond\nthi");
    /// let ahead: Vec<_> = lines.ahead().collect();
    /// assert_eq!(ahead, [(Piece::Line(b"first"), 6), (Piece::Line(b"second"), 13)]);
    /// lines.take_up_to(6);
    /// assert_eq!(lines.next_line(), Some(Piece::Line(b"second")));
    /// ```
    pub fn ahead(&mut self) -> impl Iterator<Item = (Piece<'_>, usize)> {
        self.search();
        let lines = &*self;
        let mut start = lines.start;
        let mut searched = lines.searched;
        std::iter::from_fn(move || {
            let (piece, next) = lines.split(start, searched)?;
            start = next;
            searched = next;
            Some((lines.piece(piece), next))
        })
    }

    /// Takes the lines before an offset that [`ahead`](Self::ahead) returned.
    pub fn take_up_to(&mut self, offset: usize) {
        self.start = offset;
        self.searched = offset;
    }

    /// Notes the end of the stream. What is left without LF is a line too, and can be taken next.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Discards everything that has not been taken.
    pub fn discard(&mut self) {
        self.start = self.buffer.len();
        self.searched = self.start;
    }

    /// Returns whether the buffer contains an unfinished line.
    pub fn is_begun(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// Finds the next LF, so that no byte before it is searched again.
    fn search(&mut self) {
        let found = memchr::memchr(b'\n', &self.buffer[self.searched..]);
        self.searched = found.map_or(self.buffer.len(), |found| self.searched + found);
    }

    /// Returns the range of the line at `start`, and the offset behind it. There is no LF between
    /// `start` and `searched`.
    fn split(&self, start: usize, searched: usize) -> Option<(Range<usize>, usize)> {
        if let Some(found) = memchr::memchr(b'\n', &self.buffer[searched..]) {
            let end = searched + found;
            let has_cr = self.buffer[start..end].ends_with(b"\r");
            return Some((start..end - usize::from(has_cr), end + 1));
        }
        let begun = start..self.buffer.len();
        // A CR at the end may turn out to belong to the line end.
        let length = begun.len() - usize::from(self.buffer[begun.clone()].ends_with(b"\r"));
        let is_line = self.ended && !begun.is_empty() || length > self.longest;
        is_line.then(|| (begun.clone(), begun.end))
    }

    fn piece(&self, line: Range<usize>) -> Piece<'_> {
        let line = &self.buffer[line];
        if line.len() > self.longest { Piece::TooLong(line) } else { Piece::Line(line) }
    }
}
