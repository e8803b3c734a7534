//! Sends a line to a node, as telnet would.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::net;

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
}

/// Sends one line to the node at `address`, and returns its answer. `\xNN` in the line stands for a
/// byte, and `\\` for a backslash.
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
    let answer = String::from_utf8(answer);
    let answer = answer.unwrap_or_else(|error| error.as_bytes().escape_ascii().to_string());
    Ok(Said { answer, took: began.elapsed() })
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

/// Replaces `\xNN` and `\\` in a line.
fn unescape(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut pieces = line.split('\\');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    while let Some(piece) = pieces.next() {
        let hex = piece.strip_prefix('x').and_then(|digits| digits.get(..2));
        if let Some(byte) = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            bytes.extend_from_slice(&piece.as_bytes()[3..]);
        } else if let (true, Some(next)) = (piece.is_empty(), pieces.next()) {
            bytes.push(b'\\');
            bytes.extend_from_slice(next.as_bytes());
        } else {
            return Err(
                r"expected \xNN for a byte, or \\ for a backslash, where the line has a backslash".to_owned()
            );
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes() {
        for (line, expected) in [
            ("IAMAT kiwi", &b"IAMAT kiwi"[..]),
            (r"caf\xc3\xa9", b"caf\xc3\xa9"),
            ("café", "café".as_bytes()),
            (r"a\\b\x00\\", b"a\\b\0\\"),
            (r"\\x41", br"\x41"),
            ("", b""),
        ] {
            assert_eq!(unescape(line).as_deref(), Ok(expected), "{line}");
        }
        for wrong in [r"\", r"\n", r"\x4", r"\xgg", r"\\\", "\\x\u{e9}"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
    }
}
