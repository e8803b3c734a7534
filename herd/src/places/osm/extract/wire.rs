//! The encoding of messages in an extract: that of protocol buffers.
//!
//! Every function works on bytes in memory, allocates nothing, and reports what is wrong with the
//! bytes instead of panicking. Lists must be packed and fields must not be repeated where the
//! format of extracts says so; every writer of extracts does that.

/// What is wrong with some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::places::osm) struct Malformed(pub(in crate::places::osm) &'static str);

/// The most bytes of a number.
const LONGEST_NUMBER: usize = 10;

/// The fields of a message that have not been read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a>(pub(super) &'a [u8]);

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A number of fixed width, which no field of an extract has.
    Other,
}

impl<'a> Message<'a> {
    /// Reads the next field: its number and its value. Returns `None` at the end.
    ///
    /// # Errors
    /// The bytes are no message.
    pub(super) fn next_field(&mut self) -> Result<Option<(u64, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = number(&mut self.0)?;
        let value = match tag & 7 {
            0 => Value::Number(number(&mut self.0)?),
            1 => self.fixed(8)?,
            2 => {
                let length = number(&mut self.0)?;
                let length = usize::try_from(length).map_err(|_| Malformed("a field is too long"))?;
                Value::Bytes(self.cut(length)?)
            }
            5 => self.fixed(4)?,
            _ => return Err(Malformed("a field has an unknown type")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn fixed(&mut self, length: usize) -> Result<Value<'a>, Malformed> {
        self.cut(length)?;
        Ok(Value::Other)
    }

    fn cut(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (cut, rest) =
            self.0.split_at_checked(length).ok_or(Malformed("a field ends beyond its message"))?;
        self.0 = rest;
        Ok(cut)
    }
}

impl<'a> Value<'a> {
    /// The bytes of a text, a message or a packed list.
    ///
    /// # Errors
    /// The field has another type.
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Number(_) | Value::Other => Err(Malformed("a field should hold bytes")),
        }
    }

    /// An unsigned number, or a signed one that is written in 64 bits.
    ///
    /// # Errors
    /// The field has another type.
    pub(super) fn number(self) -> Result<u64, Malformed> {
        match self {
            Value::Number(number) => Ok(number),
            Value::Bytes(_) | Value::Other => Err(Malformed("a field should hold a number")),
        }
    }
}

/// A packed list of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl Numbers<'_> {
    /// Reads the next number. Returns `None` at the end.
    ///
    /// # Errors
    /// The bytes are no list.
    pub(super) fn next_number(&mut self) -> Result<Option<u64>, Malformed> {
        if self.0.is_empty() { Ok(None) } else { number(&mut self.0).map(Some) }
    }
}

/// A packed list of numbers, each written as its difference from the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::places::osm) struct Deltas<'a> {
    differences: Numbers<'a>,
    last: i64,
}

impl<'a> Deltas<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Deltas<'a> {
        Deltas { differences: Numbers(bytes), last: 0 }
    }

    /// Reads the next number. Returns `None` at the end.
    ///
    /// # Errors
    /// The bytes are no list, or a sum leaves the range of numbers.
    pub(in crate::places::osm) fn next_number(&mut self) -> Result<Option<i64>, Malformed> {
        let Some(difference) = self.differences.next_number()? else { return Ok(None) };
        let sum = self.last.checked_add(signed(difference));
        self.last = sum.ok_or(Malformed("an id or a coordinate is too large"))?;
        Ok(Some(self.last))
    }
}

/// A signed number that is written as an unsigned one: 0, -1, 1, -2 as 0, 1, 2, 3.
pub(super) fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Reads a number of up to ten bytes, the lowest seven bits first, and removes it from `bytes`.
fn number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(LONGEST_NUMBER).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    Err(Malformed("a number does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_full_width() {
        for (bytes, value) in [
            (&b"\x00"[..], 0),
            (b"\x7f", 127),
            (b"\x80\x01", 128),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", u64::MAX),
        ] {
            assert_eq!(Numbers(bytes).next_number(), Ok(Some(value)));
        }
        assert_eq!(Numbers(b"").next_number(), Ok(None));
        for endless in [&b"\x80"[..], &[0xff; 11]] {
            assert_eq!(Numbers(endless).next_number(), Err(Malformed("a number does not end")));
        }
    }

    #[test]
    fn differences_add_up_and_never_overflow() {
        let mut deltas = Deltas::new(b"\x04\x01\x02");
        let read: Vec<i64> = std::iter::from_fn(|| deltas.next_number().unwrap()).collect();
        assert_eq!(read, [2, 1, 2]);
        let most = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        let list = [most.as_slice(), b"\x02"].concat();
        let mut deltas = Deltas::new(&list);
        assert_eq!(deltas.next_number(), Ok(Some(i64::MAX)));
        assert_eq!(deltas.next_number(), Err(Malformed("an id or a coordinate is too large")));
    }

    #[test]
    fn a_field_cannot_leave_its_message() {
        let problem = |bytes| Message(bytes).next_field().unwrap_err().0;
        assert_eq!(problem(b"\x0a\x05abc"), "a field ends beyond its message");
        assert_eq!(problem(b"\x0d\x00"), "a field ends beyond its message");
        assert_eq!(problem(b"\x0b"), "a field has an unknown type");
        assert_eq!(problem(b"\x08"), "a number does not end");
        let (number, value) = Message(b"\x12\x02ab").next_field().unwrap().unwrap();
        assert_eq!((number, value.bytes()), (2, Ok(&b"ab"[..])));
        assert!(value.number().is_err());
    }
}
