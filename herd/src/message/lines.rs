//! Cutting a stream of bytes into lines.

/// One line of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line without its line end.
    Line(&'a [u8]),
    /// The beginning of a line over the limit. The stream cannot be read on: where the next line starts is
    /// not known.
    TooLong(&'a [u8]),
}

/// A buffer that bytes are read into and lines are taken from, however the lines were cut into segments.
///
/// A line ends with LF; one CR directly before that LF belongs to the line end.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// Up to where no LF was found, so that a long line is searched once.
    searched: usize,
    ended: bool,
    longest: usize,
    most_room: usize,
}

/// Room for a read at first. A read that fills its room is followed by one with four times as much, up to a
/// bound: most connections never send much at once.
const FIRST_ROOM: usize = 2 * 1024;
const MOST_ROOM: usize = 64 * 1024;

impl Lines {
    /// A splitter for lines of at most `longest` bytes, line end not counted.
    pub fn new(longest: usize) -> Lines {
        Lines::with_room(longest, MOST_ROOM)
    }

    /// The same with room for at most `most_room` bytes beside a line that has begun, instead of 64 KiB; at least
    /// for 2 KiB.
    pub fn with_room(longest: usize, most_room: usize) -> Lines {
        let most_room = most_room.max(FIRST_ROOM);
        Lines { buffer: Vec::new(), start: 0, searched: 0, ended: false, longest, most_room }
    }

    /// Changes the room to at most `most_room` bytes, at least 2 KiB.
    pub fn set_most_room(&mut self, most_room: usize) {
        self.most_room = most_room.max(FIRST_ROOM);
    }

    /// The buffer to append what was read to, with room for some more bytes. What has been taken is gone.
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

    /// Takes the next line, if there is one, or finds that the line begun is too long.
    pub fn next_line(&mut self) -> Option<Piece<'_>> {
        let Some(found) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
            return self.unfinished_line();
        };
        let end = self.searched + found;
        let line = &self.buffer[self.start..end];
        self.start = end + 1;
        self.searched = self.start;
        Some(self.piece(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// Notes the end of the stream: what is left without LF is a line too, to be taken as the others are.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Forgets everything that has not been taken.
    pub fn discard(&mut self) {
        self.start = self.buffer.len();
        self.searched = self.start;
    }

    /// Whether a line has begun whose end has not been seen.
    pub fn is_begun(&self) -> bool {
        self.start < self.buffer.len()
    }

    fn unfinished_line(&mut self) -> Option<Piece<'_>> {
        let begun = self.start..self.buffer.len();
        self.searched = begun.end;
        if self.ended {
            self.start = begun.end;
            return (!begun.is_empty()).then(|| self.piece(&self.buffer[begun]));
        }
        let begun = &self.buffer[begun];
        // A last CR may turn out to belong to the line end.
        let length = begun.len() - usize::from(begun.ends_with(b"\r"));
        (length > self.longest).then_some(Piece::TooLong(begun))
    }

    fn piece<'a>(&self, line: &'a [u8]) -> Piece<'a> {
        if line.len() > self.longest { Piece::TooLong(line) } else { Piece::Line(line) }
    }
}
