//! Sends a line to a node, as telnet would.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::net;
use crate::say::hint;

/// How long a node may take to answer. One that asks for places may take as long as its service.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer, in bytes. Places of 20 results have about 100 KB.
const LONGEST: u64 = 8 * 1024 * 1024;

/// The answer to a line.
#[derive(Debug)]
pub(super) struct Said {
    /// The answer's bytes as text, without the last line end. Bytes that are not UTF-8 are escaped.
    pub(super) answer: String,
    pub(super) took: Duration,
    /// Why the line was refused, if it was.
    pub(super) hint: Option<String>,
}

/// Sends one line to the node at `address`, and returns its answer. Bytes may be escaped as in
/// the log: `\xNN` is any byte, and `\\` a backslash.
///
/// # Errors
/// The line is not one line, or the node cannot be reached or does not answer: a sentence.
pub(super) async fn say(address: SocketAddr, line: &str) -> Result<Said, String> {
    let mut bytes = unescape(line)?;
    if bytes.contains(&b'\n') {
        return Err("expected a single line".to_owned());
    }
    bytes.push(b'\n');
    let began = Instant::now();
    let answer = timeout(PATIENCE, converse(address, &bytes))
        .await
        .map_err(|_| format!("no answer within {}", humantime::format_duration(PATIENCE)))?;
    let mut answer = answer.map_err(|_| "the node cannot be reached, or closed the connection".to_owned())?;
    if answer.is_empty() {
        return Err("the node closed the connection without an answer".to_owned());
    }
    answer.pop_if(|byte| *byte == b'\n');
    Ok(Said { took: began.elapsed(), hint: hint(&answer), answer: text_of(&answer) })
}

/// Returns bytes as text, in which only those that are not UTF-8 are escaped.
fn text_of(bytes: &[u8]) -> String {
    let chunks = bytes.utf8_chunks();
    chunks.map(|chunk| format!("{}{}", chunk.valid(), chunk.invalid().escape_ascii())).collect()
}

/// Sends bytes, closes the sending side, and reads until the node closes the connection, which it
/// does when it has answered everything.
async fn converse(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = net::connect(address).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Returns the bytes that a text stands for, in which bytes are escaped as in the log.
fn unescape(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = unescape_byte(escaped)
            .ok_or(r"expected \xNN for a byte, or \\ for a backslash, where the line has a backslash")?;
        bytes.push(byte);
        rest = &escaped[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Returns the byte that the text behind a backslash stands for, and the length of that text.
fn unescape_byte(text: &str) -> Option<(u8, usize)> {
    let byte = match text.as_bytes().first()? {
        b'x' => {
            let digits =
                text.get(1..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            return Some((u8::from_str_radix(digits?, 16).ok()?, 3));
        }
        b't' => b'\t',
        b'r' => b'\r',
        quote @ (b'\\' | b'\'' | b'"') => *quote,
        _ => return None,
    };
    Some((byte, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_are_not_text_are_escaped_in_an_answer() {
        assert_eq!(text_of(b"AT \"caf\xc3\xa9\" \xff\xfe\n{ }\n"), "AT \"café\" \\xff\\xfe\n{ }\n");
    }

    #[test]
    fn escapes_stand_for_bytes() {
        for (line, expected) in [
            ("IAMAT kiwi", &b"IAMAT kiwi"[..]),
            (r"caf\xc3\xa9", b"caf\xc3\xa9"),
            ("café", "café".as_bytes()),
            (r"a\\b\x00\\", b"a\\b\0\\"),
            (r"\\x41", br"\x41"),
            (r#"it\'s \"\t\r"#, b"it's \"\t\r"),
            ("", b""),
        ] {
            assert_eq!(unescape(line).as_deref(), Ok(expected), "{line}");
        }
        for wrong in [r"\", r"\n", r"\x4", r"\x+4", r"\xgg", r"\\\", "\\x\u{e9}"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
    }
}
