//! Text from outside, put so that it can be shown.
//!
//! Logs, messages and terminals get words that clients, files and other services have chosen. What would move a
//! terminal's cursor, begin a line of its own, or hide or reorder what stands around it becomes an escape as JSON has
//! them, such as `\u001b`, so that a line of JSON stays one; bytes that are no UTF-8 become `\xff`. A backslash stays
//! as it is: the text is to be read, not to be read back.

use std::borrow::Cow;
use std::fmt::Write;

/// A line in which everything can be seen; line ends become escapes, too.
pub fn line(bytes: &[u8]) -> Cow<'_, str> {
    // Nearly all lines of a log are.
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(2 * bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                // Writing to a string does not fail.
                unseen if is_unseen(unseen) => {
                    let _ = write!(text, "\\u{:04x}", u32::from(unseen));
                }
                seen => text.push(seen),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    Cow::Owned(text)
}

/// Lines in which everything can be seen but their ends.
pub fn lines(bytes: &[u8]) -> String {
    bytes.split(|&byte| byte == b'\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Control characters, and the characters that have no shape and change how others are seen.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for text in ["", "plain", "back\\slash \"quoted\"", "naïve ключ 猕猴桃 🥝"] {
            assert_eq!(line(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_cannot_be_seen_becomes_an_escape() {
        for (bytes, shown) in [
            (&b"\x1b[31m\x7f\0"[..], "\\u001b[31m\\u007f\\u0000"),
            (b"a\r\n\tb", "a\\r\\n\\tb"),
            (b"\xff\xc3(", "\\xff\\xc3("),
            ("\u{9b}31m \u{85}".as_bytes(), "\\u009b31m \\u0085"),
            ("\u{202e}\u{2028}\u{feff}\u{61c}".as_bytes(), "\\u202e\\u2028\\ufeff\\u061c"),
        ] {
            assert_eq!(line(bytes), shown);
        }
        assert_eq!(lines(b"a\x07\n\nb\r\n"), "a\\u0007\n\nb\\r\n");
    }

    #[test]
    fn a_line_of_json_stays_one_with_the_same_meaning() {
        let value = serde_json::json!({ "a": "\u{1b}\u{7f}\u{9b}\u{202e}\u{2028}\n\"\\" });
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line(text.as_bytes())).unwrap(), value);
    }
}
