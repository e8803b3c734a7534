//! Bytes as visible text and back: `\r \n \t \f \v \0 \\ \xNN`, and `\{x*4096}` for many of one byte.

/// A repetition may be so long: enough for any limit of a node.
const MOST_TIMES: usize = 10_000_000;

/// Runs of at least so many equal bytes are shown as a repetition.
const LONG_RUN: usize = 40;

/// The bytes that `text` stands for.
///
/// # Errors
/// Says which escape is none.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let wrong = || format!("no escape: `{}`", String::from_utf8_lossy(&rest[..rest.len().min(8)]));
        let (&kind, after) = after.split_first().ok_or_else(wrong)?;
        rest = after;
        match kind {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'f' => bytes.push(0x0C),
            b'v' => bytes.push(0x0B),
            b'0' => bytes.push(0),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                let digits =
                    after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
                // `from_str_radix` would take a sign for a digit.
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(wrong());
                }
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
                rest = &after[2..];
            }
            b'{' => {
                let end = after.iter().position(|&byte| byte == b'}').ok_or_else(wrong)?;
                let repetition = std::str::from_utf8(&after[..end]).map_err(|_| wrong())?;
                let (what, times) = repetition.rsplit_once('*').ok_or_else(wrong)?;
                let times: usize =
                    times.parse().ok().filter(|times| *times <= MOST_TIMES).ok_or_else(wrong)?;
                bytes.extend(what.as_bytes().repeat(times));
                rest = &after[end + 1..];
            }
            _ => return Err(wrong()),
        }
    }
    Ok(bytes)
}

/// `bytes` as one line of visible text from which they can be told exactly. Printable UTF-8 stays as it is;
/// spaces at the end do not.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    let spaces_from = bytes.trim_ascii_end().len();
    for chunk in bytes.utf8_chunks() {
        let start = chunk.valid().as_ptr() as usize - bytes.as_ptr() as usize;
        let mut characters = chunk.valid().char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            let mut run = 1;
            while characters.next_if(|(_, next)| *next == character).is_some() {
                run += 1;
            }
            // A brace would end the repetition.
            if run >= LONG_RUN && character.is_ascii_graphic() && character != '}' {
                text += &format!("\\{{{character}*{run}}}");
                continue;
            }
            let at_end = start + offset >= spaces_from;
            (0..run).for_each(|_| push_escaped(&mut text, character, at_end));
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

fn push_escaped(text: &mut String, character: char, at_end: bool) {
    match character {
        '\r' => text.push_str("\\r"),
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\\' => text.push_str("\\\\"),
        ' ' if at_end => text.push_str("\\x20"),
        // What would not be seen, or change how the rest is seen, is shown as its bytes.
        character if character.is_control() || is_invisible(character) => {
            let mut buffer = [0; 4];
            character.encode_utf8(&mut buffer).bytes().for_each(|byte| *text += &format!("\\x{byte:02x}"));
        }
        character => text.push(character),
    }
}

/// Spaces other than the ASCII one, and marks that change the direction of writing.
fn is_invisible(character: char) -> bool {
    character != ' ' && character.is_whitespace()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_can_be_told_exactly() {
        for bytes in [
            &b"plain"[..],
            b"\r\n\t\x0b\x0c\0\\",
            b"\xff\xfe a",
            "na\u{ef}ve \u{202e}\u{a0}".as_bytes(),
            b"ends with spaces  ",
            b" ",
            b"",
            &b"}".repeat(LONG_RUN),
            &b"\\".repeat(LONG_RUN),
        ] {
            let text = escape(bytes);
            assert_eq!(unescape(&text).unwrap(), bytes, "{text}");
            assert!(
                !text.contains(|character: char| character.is_control()) && !text.ends_with(' '),
                "{text}"
            );
        }
    }

    #[test]
    fn long_runs_are_shown_as_repetitions() {
        let line = ["a".as_bytes(), &b"x".repeat(4096), b"b"].concat();
        assert_eq!(escape(&line), "a\\{x*4096}b");
        assert_eq!(unescape("a\\{x*4096}b").unwrap(), line);
    }

    #[test]
    fn what_is_no_escape_is_told() {
        for text in ["\\", "\\q", "\\x1", "\\xzz", "\\x+f", "\\{x*}", "\\{x*10000001}", "\\{x", "\\{x}"] {
            assert!(unescape(text).is_err(), "{text}");
        }
    }
}
