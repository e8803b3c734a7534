//! Unsigned decimals, read from bytes and kept exact.

/// The digits of an unsigned decimal, `whole` or `whole.fraction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    pub(super) whole: Digits<'a>,
    /// Empty when there was no point.
    pub(super) fraction: Digits<'a>,
}

/// ASCII digits and the number that they are: 0 when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digits<'a> {
    pub(super) text: &'a [u8],
    pub(super) value: u64,
}

impl<'a> Decimal<'a> {
    /// Reads 1 to `most_whole` digits, optionally followed by a point and 1 to `most_fraction` digits.
    /// Nothing else may stand in `text`. Both are at most 19.
    pub(super) fn parse(text: &'a [u8], most_whole: usize, most_fraction: usize) -> Option<Self> {
        let (whole, rest) = Digits::split(text);
        let fraction = match rest.split_first() {
            None => Digits::default(),
            Some((b'.', digits)) => Digits::parse(digits, most_fraction)?,
            Some(_) => return None,
        };
        (1..=most_whole).contains(&whole.text.len()).then_some(Decimal { whole, fraction })
    }

    /// Whether the decimal is greater than `bound`: 90.000000000000001 is greater than 90.
    pub(super) fn exceeds(self, bound: u64) -> bool {
        self.whole.value > bound || self.whole.value == bound && self.fraction.value > 0
    }
}

impl<'a> Digits<'a> {
    /// Takes `text` if it is 1 to `most` digits, at most 19, and nothing else.
    pub(super) fn parse(text: &'a [u8], most: usize) -> Option<Self> {
        let (digits, rest) = Digits::split(text);
        (rest.is_empty() && (1..=most).contains(&digits.text.len())).then_some(digits)
    }

    /// The digits that `text` begins with, and what follows them. Of more than 19 the value is none.
    fn split(text: &'a [u8]) -> (Self, &'a [u8]) {
        let (mut value, mut length) = (0_u64, 0);
        for byte in text {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            length += 1;
        }
        let (text, rest) = text.split_at(length);
        (Digits { text, value }, rest)
    }
}
