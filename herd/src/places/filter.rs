//! Masks the API key in everything that the Places service sends.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::{Found, Key, PlacesError, shorten};

/// The replacement for the key.
const MASK: &[u8] = b"***";

/// The shortest part of the key that is masked, in characters, since the service may have cut the
/// text. Shorter parts would match by chance.
const PART: usize = 8;

/// Finds a key or a part of it in the text of a service, also if it is percent-encoded or
/// JSON-escaped.
pub(super) struct Filter {
    /// Every part of the key with `part` characters, sorted.
    parts: Vec<u64>,
    part: usize,
    /// The most characters of the service's text that an error quotes.
    longest_text: usize,
}

impl Filter {
    pub(super) fn new(key: &Key, longest_text: usize) -> Filter {
        let mut decoded = Decoded::default();
        key.reveal().bytes().enumerate().for_each(|(offset, byte)| decoded.push(byte, offset));
        let part = PART.min(decoded.bytes.len());
        let mut parts: Vec<u64> = decoded.bytes.windows(part).map(number).collect();
        parts.sort_unstable();
        Filter { parts, part, longest_text }
    }

    /// Returns the outcome with the key masked, and with the service's text cut to its maximal
    /// length.
    pub(super) fn pass(&self, outcome: Result<Found, PlacesError>) -> Result<Found, PlacesError> {
        match outcome {
            Ok(Found { json, status }) => {
                Ok(Found { json: self.mask(&json).into_owned(), status: self.mask_text(&status) })
            }
            Err(PlacesError::Explained(code, text)) => {
                // Masked first, since a cut could leave a part that is too short to be found.
                let text = shorten(&self.mask_text(&text), self.longest_text);
                Err(PlacesError::Explained(code, text))
            }
            Err(error) => Err(error),
        }
    }

    fn mask_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.mask(text.as_bytes())).into_owned()
    }

    /// Returns `text` with every occurrence masked, and the rest unchanged.
    fn mask<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = Vec::with_capacity(text.len());
        let mut rest = 0;
        for Range { start, end } in found {
            masked.extend_from_slice(&text[rest..start]);
            masked.extend_from_slice(MASK);
            rest = end;
        }
        masked.extend_from_slice(&text[rest..]);
        Cow::Owned(masked)
    }

    /// The ranges of the key or of its parts, in order and disjoint.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut decoded = Decoded::default();
        let mut found: Vec<Range<usize>> = Vec::new();
        for (offset, byte) in text.iter().enumerate() {
            decoded.push(*byte, offset);
            let Some(first) = decoded.bytes.len().checked_sub(self.part) else { continue };
            if self.parts.binary_search(&number(&decoded.bytes[first..])).is_err() {
                continue;
            }
            let mut range = decoded.starts[first]..offset + 1;
            while let Some(last) = found.pop_if(|last| last.end >= range.start) {
                range.start = range.start.min(last.start);
            }
            found.push(range);
        }
        found
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}

/// Up to eight bytes as a number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Text with all layers of escapes decoded, and the start of each of its bytes.
#[derive(Default)]
struct Decoded {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Decoded {
    fn push(&mut self, byte: u8, start: usize) {
        self.bytes.push(byte);
        self.starts.push(start);
        while let Some((length, byte)) = last_escape(&self.bytes) {
            let first = self.bytes.len() - length;
            self.bytes.truncate(first);
            self.bytes.push(byte);
            self.starts.truncate(first + 1);
        }
    }
}

/// The escape at the end of `text`, if there is one: its length, and the byte that it encodes.
fn last_escape(text: &[u8]) -> Option<(usize, u8)> {
    match text {
        [.., b'%', high, low] => hex(*high, *low).map(|byte| (3, byte)),
        [.., b'\\', b'u', b'0', b'0', high, low] => hex(*high, *low).map(|byte| (6, byte)),
        [.., b'\\', byte @ (b'\\' | b'/' | b'"')] => Some((2, *byte)),
        _ => None,
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "Invented-Sx9Trke72PoQuMnMX_a7eZWS0jkFMBYW";

    fn masked(key: &str, text: &str) -> String {
        Filter::new(&Key::new(key).unwrap(), 300).mask_text(text)
    }

    #[test]
    fn the_key_is_masked_however_it_is_written() {
        let all = |write: &dyn Fn(u8) -> String| KEY.bytes().map(write).collect::<String>();
        for written in [
            KEY.to_owned(),
            all(&|byte| format!("%{byte:02x}")),
            all(&|byte| format!("%{byte:02X}")),
            all(&|byte| format!("%25{byte:02X}")),
            all(&|byte| format!("\\u{byte:04x}")),
            all(&|byte| format!("\\\\u{byte:04X}")),
            all(&|byte| format!("\\u0025{byte:02x}")),
            KEY.replace('-', "%2d").replace('_', "\\u005F"),
            format!("{KEY}{KEY}"),
        ] {
            let text = format!("{{\"a\":\"b?key={written}&c=%41\\n\"}}");
            assert_eq!(masked(KEY, &text), "{\"a\":\"b?key=***&c=%41\\n\"}", "{written}");
        }
        assert_eq!(masked("a/b\"c%41\\d", "x a\\/b\\\"c%2541\\\\d y"), "x *** y");
    }

    #[test]
    fn a_part_of_eight_characters_is_masked_and_one_of_seven_stands() {
        assert_eq!(masked(KEY, &format!("cut: {}", &KEY[..8])), "cut: ***");
        assert_eq!(masked(KEY, &format!("cut: {}", &KEY[..7])), format!("cut: {}", &KEY[..7]));
        assert_eq!(masked(KEY, &format!("{}... {}", &KEY[..20], &KEY[25..])), "***... ***");
        assert_eq!(masked("short", "a short key, shor"), "a *** key, shor");
    }

    #[test]
    fn an_explanation_is_masked_before_it_is_cut() {
        let filter = Filter::new(&Key::new(KEY).unwrap(), 10);
        let explained = |text: String| match filter.pass(Err(PlacesError::Explained(500, text))) {
            Err(PlacesError::Explained(500, text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(explained(format!("12345{KEY}")), "12345***");
        assert_eq!(explained("é".repeat(11)), format!("{}…", "é".repeat(9)));
        assert_eq!(explained("é".repeat(10)), "é".repeat(10));
    }

    proptest! {
        #[test]
        fn no_part_of_the_key_is_left_however_its_characters_are_encoded(
            before in "[ -~é]{0,20}[ .:=]",
            after in "([ .&\"][ -~é]{0,20})?",
            ways in proptest::collection::vec(0..5_usize, KEY.len()),
            cut in 8..=KEY.len(),
        ) {
            let written: String = KEY[..cut].bytes().zip(&ways).map(|(byte, way)| match way {
                0 => format!("%{byte:02x}"),
                1 => format!("%{byte:02X}"),
                2 => format!("\\u{byte:04x}"),
                3 => format!("%25{byte:02X}"),
                _ => char::from(byte).to_string(),
            }).collect();
            prop_assert_eq!(masked(KEY, &format!("{before}{written}{after}")), format!("{before}***{after}"));
        }

        #[test]
        fn text_without_the_key_stays_as_it_is(text in "[ -~é\n]{0,200}") {
            prop_assert_eq!(masked(KEY, &text), text);
        }
    }
}
