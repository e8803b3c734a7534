//! Unsigned decimals as digits: compared exactly, never through floating point.

/// The digits of an unsigned decimal, `whole` or `whole.fraction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    pub(super) whole: &'a [u8],
    /// Empty when there was no point.
    pub(super) fraction: &'a [u8],
}

impl<'a> Decimal<'a> {
    /// Reads 1 to `most_whole` digits, optionally followed by a point and 1 to `most_fraction` digits.
    /// Nothing else may stand in `text`. `most_whole` is at most 19, so that the whole part fits a `u64`.
    pub(super) fn parse(text: &'a [u8], most_whole: usize, most_fraction: usize) -> Option<Self> {
        let (whole, rest) = text.split_at(count_digits(text));
        let fraction = match rest.split_first() {
            None => &[],
            Some((b'.', digits)) if is_digits(digits, most_fraction) => digits,
            Some(_) => return None,
        };
        (1..=most_whole).contains(&whole.len()).then_some(Decimal { whole, fraction })
    }

    /// Whether the decimal is greater than `bound`: 90.000000000000001 is greater than 90.
    pub(super) fn exceeds(self, bound: u64) -> bool {
        let whole = digits_value(self.whole);
        whole > bound || whole == bound && self.fraction.iter().any(|&digit| digit != b'0')
    }
}

/// The value of ASCII digits, at most 19 of them.
pub(super) fn digits_value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

/// Whether `text` is 1 to `most` ASCII digits and nothing else.
pub(super) fn is_digits(text: &[u8], most: usize) -> bool {
    (1..=most).contains(&text.len()) && count_digits(text) == text.len()
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
