//! The numbers of an AT line, two characters to a byte.
//!
//! A skew and a location consist of digits, signs and points. The lower halves of these characters
//! are all different, so a character is kept as its lower half.

use super::backwards::COPY;
use crate::message::At;

/// The largest number of characters: 23 of a skew and 74 of a location, rounded up to whole chunks.
const MOST: usize = 104;

/// The usual number of characters, in whole chunks: 12 of a skew, and up to 28 of a location.
const USUAL: usize = 40;

/// The skew and the location of one line, the one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digits {
    /// Zero behind the last character.
    bytes: [u8; MOST / 2],
    count: u8,
}

/// Unpacked characters, after as many other bytes as [`Backwards`](super::backwards::Backwards) can
/// copy too.
pub(super) struct Text {
    bytes: [u8; COPY + MOST],
    count: usize,
}

impl Digits {
    /// Packs the numbers of a line.
    pub(super) fn pack(at: &At<'_>) -> Digits {
        let mut text = [0; MOST + COPY];
        let skew = put_start(&mut text, 0, at.skew_onwards(), at.skew_length());
        let count = put_start(&mut text, skew, at.location_onwards(), at.iamat.location.as_bytes().len());
        // The copies may have left more behind the end.
        text[count..][..COPY].fill(0);
        let mut bytes = [0; MOST / 2];
        let eights = text.as_chunks::<8>().0.iter().take(count.div_ceil(8));
        for (four, eight) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(eights) {
            *four = pack_eight(*eight);
        }
        Digits { bytes, count: count as u8 }
    }

    /// Returns the number of characters.
    pub(super) fn count(&self) -> u8 {
        self.count
    }

    /// Returns the packed characters.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..packed_length(self.count)]
    }
}

/// Copies the first `length` bytes of `from` to `text[start..]`, and returns the offset behind
/// them. Copies more if there is more: a copy whose length is fixed is faster.
fn put_start(text: &mut [u8; MOST + COPY], start: usize, from: &[u8], length: usize) -> usize {
    match from.first_chunk::<COPY>() {
        Some(chunk) if length <= COPY => text[start..][..COPY].copy_from_slice(chunk),
        _ => text[start..][..length].copy_from_slice(&from[..length]),
    }
    start + length
}

/// Returns the number of bytes that `count` characters need.
pub(super) fn packed_length(count: u8) -> usize {
    usize::from(count).div_ceil(2)
}

impl Text {
    /// Unpacks `count` characters from the start of `packed`, which may be longer.
    pub(super) fn unpack(packed: &[u8], count: u8) -> Text {
        let count = usize::from(count);
        let mut bytes = [0; COPY + MOST];
        let eights = bytes[COPY..].as_chunks_mut::<8>().0;
        if let Some(usual) = packed.first_chunk::<{ USUAL / 2 }>()
            && count <= USUAL
        {
            for (eight, four) in eights.iter_mut().zip(usual.as_chunks::<4>().0) {
                *eight = unpack_four(*four);
            }
        } else {
            for (four, eight) in packed[..count.div_ceil(2)].chunks(4).zip(eights) {
                let mut whole = [0; 4];
                whole[..four.len()].copy_from_slice(four);
                *eight = unpack_four(whole);
            }
        }
        Text { bytes, count }
    }

    /// Returns all characters.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[COPY..][..self.count]
    }

    /// Returns the first `end` characters, after other bytes.
    pub(super) fn up_to(&self, end: usize) -> &[u8] {
        &self.bytes[..COPY + end]
    }
}

/// Moves the lower halves of eight bytes together. The first one comes lowest.
fn pack_eight(text: [u8; 8]) -> [u8; 4] {
    let halves = u64::from_le_bytes(text) & 0x0F0F_0F0F_0F0F_0F0F;
    let twos = (halves | halves >> 4) & 0x00FF_00FF_00FF_00FF;
    let fours = (twos | twos >> 8) & 0x0000_FFFF_0000_FFFF;
    ((fours | fours >> 16) as u32).to_le_bytes()
}

/// Reverses [`pack_eight`] for digits, signs and points. Digits are 0x30 to 0x39; the others are
/// 0x2B, 0x2D and 0x2E.
fn unpack_four(packed: [u8; 4]) -> [u8; 8] {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let fours = u64::from(u32::from_le_bytes(packed));
    let fours = (fours | fours << 16) & 0x0000_FFFF_0000_FFFF;
    let twos = (fours | fours << 8) & 0x00FF_00FF_00FF_00FF;
    let halves = (twos | twos << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    let is_above_nine = (halves + 6 * EACH) & (0x10 * EACH);
    (halves + 0x30 * EACH - is_above_nine).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn characters_come_back_as_they_were(text in "[-+.0-9]{0,96}", behind in prop::collection::vec(any::<u8>(), 0..60)) {
            let count = text.len() as u8;
            let mut eights = text.as_bytes().to_vec();
            eights.resize(text.len().next_multiple_of(8), 0);
            let mut packed: Vec<u8> = eights.as_chunks().0.iter().flat_map(|eight| pack_eight(*eight)).collect();
            packed.truncate(packed_length(count));
            packed.extend_from_slice(&behind);
            let unpacked = Text::unpack(&packed, count);
            prop_assert_eq!(unpacked.as_bytes(), text.as_bytes());
            prop_assert!(unpacked.up_to(text.len() / 2).ends_with(&text.as_bytes()[..text.len() / 2]));
        }
    }
}
