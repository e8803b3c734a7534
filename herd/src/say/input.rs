//! Where the lines to send come from.

use std::io::{self, BufRead, Read};
use std::thread;

use tokio::sync::mpsc;

use super::SayError;

/// The longest line of standard input, in bytes. A node with the usual limits takes 4,096.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The most bytes of standard input that are kept for several nodes.
const MOST_KEPT: usize = 64 * 1024 * 1024;

/// The most lines of input that wait to be sent.
const AHEAD: usize = 64;

/// Lines as they come, or an error that ends them.
pub(super) type Lines = mpsc::Receiver<io::Result<Vec<u8>>>;

/// Returns lines that are known.
pub(super) fn given(lines: &[u8]) -> Lines {
    let (sender, receiver) = mpsc::channel(1);
    if !lines.is_empty() {
        // There is room for one.
        let _ = sender.try_send(Ok(lines.to_vec()));
    }
    receiver
}

/// Returns the lines of standard input as they arrive. A thread reads them, since reading cannot be
/// cancelled.
pub(super) fn standard() -> Lines {
    let (sender, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = next_line(&mut stdin).transpose() {
            let is_error = line.is_err();
            if sender.blocking_send(line).is_err() || is_error {
                return;
            }
        }
    });
    receiver
}

/// Reads all lines of standard input.
///
/// # Errors
/// It cannot be read, or is too long to be kept.
pub(super) fn whole() -> Result<Vec<u8>, SayError> {
    let mut lines = Vec::new();
    let most = MOST_KEPT as u64 + 1;
    io::stdin().lock().take(most).read_to_end(&mut lines).map_err(SayError::Input)?;
    if lines.len() > MOST_KEPT {
        return Err(SayError::TooMuch);
    }
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Reads a line with its line end, or the start of one that is too long; `None` at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    // A node answers a line at its end, which the last one may lack.
    if (1..LONGEST_LINE as usize).contains(&line.len()) && !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    Ok((!line.is_empty()).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_line_by_line_and_a_line_without_end_in_pieces() {
        let mut input = &b"one\n\ntwo"[..];
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one\n"[..], b"\n", b"two\n"]);
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert_eq!(next_line(&mut endless).unwrap().unwrap().len() as u64, LONGEST_LINE);
    }
}
