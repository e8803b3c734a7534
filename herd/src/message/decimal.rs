//! Unsigned decimals, parsed from bytes without rounding.

/// An unsigned decimal, `whole` or `whole.fraction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    pub(super) whole: Digits<'a>,
    /// Empty if there is no point.
    pub(super) fraction: Digits<'a>,
}

/// The largest number of digits after the point, in degrees and kilometres. Programs that print a
/// double in full use more digits the closer it is to 0.
pub(super) const MOST_DECIMALS: usize = 32;

/// ASCII digits and their value; 0 if there are none. The value of more than 19 digits wraps around
/// and must not be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digits<'a> {
    pub(super) text: &'a [u8],
    pub(super) value: u64,
}

impl<'a> Decimal<'a> {
    /// Parses 1 to `most_whole` digits, optionally followed by a point and 1 to `most_fraction`
    /// digits, and nothing else. The value of a part is usable if it has at most 19 digits.
    pub(super) fn parse(text: &'a [u8], most_whole: usize, most_fraction: usize) -> Option<Self> {
        let (whole, rest) = Digits::split(text);
        let fraction = match rest.split_first() {
            None => Digits::default(),
            Some((b'.', digits)) => Digits::parse(digits, most_fraction)?,
            Some(_) => return None,
        };
        (1..=most_whole).contains(&whole.text.len()).then_some(Decimal { whole, fraction })
    }

    /// Returns whether the decimal is greater than `bound`: 90.000000000000001 is greater than 90.
    /// The fraction may have any length, the whole part at most 19 digits.
    pub(super) fn exceeds(self, bound: u64) -> bool {
        let has_fraction = || self.fraction.text.iter().any(|digit| *digit != b'0');
        self.whole.value > bound || self.whole.value == bound && has_fraction()
    }
}

impl<'a> Digits<'a> {
    /// Parses 1 to `most` digits and nothing else; `most` is at most 19.
    pub(super) fn parse(text: &'a [u8], most: usize) -> Option<Self> {
        let (digits, rest) = Digits::split(text);
        (rest.is_empty() && (1..=most).contains(&digits.text.len())).then_some(digits)
    }

    /// Splits the digits at the start of `text` from the rest.
    fn split(text: &'a [u8]) -> (Self, &'a [u8]) {
        let mut value = 0_u64;
        let mut length = 0;
        while let Some(number) = text[length..].first_chunk().and_then(eight_digits) {
            value = value.wrapping_mul(100_000_000).wrapping_add(number);
            length += 8;
        }
        for byte in &text[length..] {
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

/// Returns the number that eight digits spell; `None` if a byte is not a digit. Adjacent digits are
/// combined into numbers of two digits, then of four, then of eight.
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const HIGH: u64 = u64::from_le_bytes([0xF0; 8]);
    let bytes = u64::from_le_bytes(*text);
    // Digits are 0x30 to 0x39: the upper half of the byte is 3, and still is after 6 is added.
    let sixes = u64::from_le_bytes([6; 8]);
    if bytes & HIGH != ZEROS || bytes.wrapping_add(sixes) & HIGH != ZEROS {
        return None;
    }
    let twos = (bytes - ZEROS).wrapping_mul(10 * (1 << 8) + 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = twos.wrapping_mul(100 * (1 << 16) + 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    Some(fours.wrapping_mul(10_000 * (1 << 32) + 1) >> 32)
}

/// Returns the sixteen digits of a number below 10^16, with leading zeros.
pub(crate) fn sixteen_digits(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    text[..8].copy_from_slice(&eight_digits_of(number / 100_000_000));
    text[8..].copy_from_slice(&eight_digits_of(number % 100_000_000));
    text
}

/// Reverses [`eight_digits`]. The number is divided into numbers of four digits, of two, and of
/// one; a multiplication and a shift divide all of them at once.
fn eight_digits_of(number: u64) -> [u8; 8] {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    let fours = (number / 10_000) | (number % 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    let ones = tens | (twos - 10 * tens) << 8;
    (ones + ZEROS).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_the_number_that_they_spell(text in "[0-9]{1,19}", rest in "([^0-9].*)?") {
            let both = text.clone() + &rest;
            let (digits, left) = Digits::split(both.as_bytes());
            prop_assert_eq!((digits.text, digits.value), (text.as_bytes(), text.parse::<u64>().unwrap()));
            prop_assert_eq!(left, rest.as_bytes());
        }

        #[test]
        fn a_decimal_exceeds_a_bound_by_any_digit_of_its_fraction(
            whole in 0_u64..200, fraction in "[0-9]{1,32}", bound in 0_u64..200,
        ) {
            let text = format!("{whole}.{fraction}");
            let decimal = Decimal::parse(text.as_bytes(), 3, MOST_DECIMALS).unwrap();
            let is_beyond = whole > bound || whole == bound && fraction.contains(|digit| digit != '0');
            prop_assert_eq!(decimal.exceeds(bound), is_beyond);
        }

        #[test]
        fn eight_bytes_that_are_not_all_digits_are_not_a_number(text: [u8; 8]) {
            prop_assert_eq!(eight_digits(&text).is_some(), text.iter().all(u8::is_ascii_digit));
        }

        #[test]
        fn a_number_has_its_sixteen_digits(number in 0_u64..10_u64.pow(16)) {
            let text = format!("{number:016}");
            prop_assert_eq!(&sixteen_digits(number)[..], text.as_bytes());
        }

        #[test]
        fn one_byte_that_is_not_a_digit_is_enough(place in 0_usize..8, byte: u8) {
            let mut text = *b"12345678";
            text[place] = byte;
            prop_assert_eq!(eight_digits(&text).is_some(), byte.is_ascii_digit());
        }
    }

    #[test]
    fn every_number_of_eight_digits_is_spelt_as_it_is() {
        // All groups of four digits, in both halves.
        for four in 0..10_000 {
            let number = four * 10_000 + (9_999 - four);
            assert_eq!(eight_digits_of(number), *format!("{number:08}").as_bytes());
        }
    }
}
