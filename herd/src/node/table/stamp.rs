//! A client's time in ten bytes.

use super::backwards::{Backwards, COPY};
use crate::message::{Stamp, Time, sixteen_digits};

/// A time, and how the client wrote it. From the highest bit to the lowest: 38 bits of seconds, 30
/// of nanoseconds, and 4 each for the numbers of digits before and after the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PackedStamp([u8; 10]);

impl PackedStamp {
    pub(super) fn pack(stamp: Stamp<'_>) -> PackedStamp {
        let Time { seconds, nanoseconds } = stamp.time();
        let (whole, fraction) = stamp.digits();
        let digits = u128::from(whole << 4 | fraction);
        let bits = u128::from(seconds) << 38 | u128::from(nanoseconds) << 8 | digits;
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&bits.to_le_bytes()[..10]);
        PackedStamp(bytes)
    }

    /// Returns the value of the time.
    pub(super) fn time(self) -> Time {
        let bits = self.bits();
        Time { seconds: (bits >> 38) as u64, nanoseconds: (bits >> 8) as u32 & 0x3FFF_FFFF }
    }

    /// Puts the bytes that the client sent in front of an empty text.
    pub(super) fn put(self, text: &mut Backwards) {
        let Time { seconds, nanoseconds } = self.time();
        let (whole, fraction) = (usize::from(self.0[0] >> 4), usize::from(self.0[0] & 0x0F));
        if fraction > 0 {
            text.put(&digits_with_room(u64::from(nanoseconds)), 9);
            text.drop_end(9 - fraction);
            text.put_byte(b'.');
        }
        text.put(&digits_with_room(seconds), whole);
    }

    fn bits(self) -> u128 {
        let mut bytes = [0; 16];
        bytes[..10].copy_from_slice(&self.0);
        u128::from_le_bytes(bytes)
    }
}

/// Returns the digits of a number, after other bytes that [`Backwards`] can copy too.
fn digits_with_room(number: u64) -> [u8; COPY] {
    let mut text = [b'0'; COPY];
    text[COPY - 16..].copy_from_slice(&sixteen_digits(number));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stamp_keeps_its_value_and_its_digits(whole in "0{0,2}[0-9]{1,10}", fraction in "(\\.[0-9]{1,9})?") {
            let text = whole + &fraction;
            let stamp = Stamp::parse(text.as_bytes()).unwrap();
            let packed = PackedStamp::pack(stamp);
            prop_assert_eq!(packed.time(), stamp.time());
            let mut out = Backwards::new();
            packed.put(&mut out);
            prop_assert_eq!(out.as_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn the_last_second_of_the_year_9999_fits() {
        let text = b"253402300799.999999999";
        // The last second itself has no fraction.
        let last = Stamp::parse(&text[..12]).unwrap();
        assert_eq!(PackedStamp::pack(last).time(), last.time());
        assert_eq!(Stamp::parse(text), None);
    }
}
