//! Text that is put together from its end.

/// The number of bytes in a copy of a short text. A copy whose length is fixed is a few
/// instructions; one of any length is a call with branches that depend on the length.
pub(super) const COPY: usize = 32;

/// The largest number of bytes in a line: an AT line with the longest name, skew, client id,
/// location and time has 445.
const MOST: usize = 448;

/// A text in a buffer, to which texts are added in front. So bytes that a copy puts in front of its
/// text are overwritten by the next one.
pub(super) struct Backwards {
    bytes: [u8; COPY + MOST],
    start: usize,
    end: usize,
}

impl Backwards {
    /// Returns an empty text.
    pub(super) fn new() -> Backwards {
        Backwards { bytes: [0; COPY + MOST], start: COPY + MOST, end: COPY + MOST }
    }

    /// Adds the last `length` bytes of `text` in front. This is fastest if `text` has [`COPY`]
    /// bytes or more, and `length` is at most that.
    pub(super) fn put(&mut self, text: &[u8], length: usize) {
        let start = self.start - length;
        match text.last_chunk::<COPY>() {
            Some(chunk) if length <= COPY => {
                self.bytes[self.start - COPY..][..COPY].copy_from_slice(chunk);
            }
            _ => self.bytes[start..self.start].copy_from_slice(&text[text.len() - length..]),
        }
        self.start = start;
    }

    /// Adds one byte in front.
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    /// Drops the last `length` bytes.
    pub(super) fn drop_end(&mut self, length: usize) {
        self.end -= length;
    }

    /// Returns the text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_added_in_front() {
        let long = "long ".repeat(20);
        let mut text = Backwards::new();
        text.put(b"end?", 4);
        text.drop_end(1);
        text.put(long.as_bytes(), COPY);
        text.put(long.as_bytes(), COPY + 1);
        text.put_byte(b'>');
        text.put(long.as_bytes(), 0);
        let expected = format!(">{}{}end", &long[long.len() - COPY - 1..], &long[long.len() - COPY..]);
        assert_eq!(text.as_bytes(), expected.as_bytes());
    }
}
