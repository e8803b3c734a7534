//! Escapes text from outside before it is shown.
//!
//! Logs, messages and terminals show words that clients, files and other services chose. Characters
//! that move a terminal's cursor, end the line, or hide or reorder the text around them become
//! escapes in the form that JSON uses, such as `\u001b`; so a line of JSON stays valid. Bytes that
//! are not UTF-8 become `\xff`. Backslashes stay as they are, so the result cannot be decoded
//! again.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns `bytes` as one line of visible text; line ends become escapes too.
///
/// # Examples
/// ```
/// assert_eq!(herd::printable::line(b"kiwi\x1b[2J\n"), "kiwi\\u001b[2J\\n");
/// ```
pub fn line(bytes: &[u8]) -> Cow<'_, str> {
    // Most lines of a log need no escape.
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

/// Returns `bytes` as visible text; line ends stay.
pub fn lines(bytes: &[u8]) -> String {
    bytes.split(|&byte| byte == b'\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Returns whether a character is a control character, or changes how others are shown.
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
    fn visible_text_stays_as_it_is() {
        for text in ["", "plain", "back\\slash \"quoted\"", "naïve ключ 猕猴桃 🥝"] {
            assert_eq!(line(text.as_bytes()), text);
        }
    }

    #[test]
    fn invisible_characters_become_escapes() {
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
