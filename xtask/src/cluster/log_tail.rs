//! Reads the end of a log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use herd::telemetry::former_log;
use memchr::{memmem, memrchr};

/// The number of bytes that are read at a time.
const PIECE: u64 = 64 * 1024;

/// The most bytes that are searched, from the end of the log.
const SEARCHED: u64 = 64 * 1024 * 1024;

/// The greatest length of a line in bytes. What is before a longer one is not found.
const LONGEST_LINE: usize = 1024 * 1024;

/// The most bytes of all lines that are returned.
const RETURNED: usize = 4 * 1024 * 1024;

/// Returns the last complete lines of a log that contain a text, at most `most`, in their order. If
/// the log has fewer, lines of the full log before it follow.
///
/// Time and memory are bounded: each file is read in pieces from its end, and only its last 64 MiB
/// are searched.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn last_lines(path: &Path, contains: &str, most: usize) -> io::Result<Vec<String>> {
    let finder = memmem::Finder::new(contains);
    let (mut found, mut room) = (Vec::new(), RETURNED);
    let former = former_log(path);
    let logs = [Some(path), Some(&*former).filter(|former| former.exists())];
    'logs: for log in logs.into_iter().flatten() {
        let mut log = BackwardLines::open(log)?;
        // What follows the last line end is not complete yet.
        log.previous_line()?;
        while found.len() < most
            && let Some(line) = log.previous_line()?
        {
            if finder.find(&line).is_none() {
                continue;
            }
            let Some(left) = room.checked_sub(line.len()) else { break 'logs };
            room = left;
            found.push(String::from_utf8_lossy(&line).into_owned());
        }
    }
    found.reverse();
    Ok(found)
}

/// The lines of a file from its end to its start.
struct BackwardLines {
    file: File,
    /// What is before this offset has not been read yet.
    place: u64,
    /// The offset at which the search ends.
    first: u64,
    /// Bytes that follow `place` and have not been returned.
    pending: Vec<u8>,
}

impl BackwardLines {
    fn open(path: &Path) -> io::Result<BackwardLines> {
        let file = File::open(path)?;
        let place = file.metadata()?.len();
        Ok(BackwardLines { file, place, first: place.saturating_sub(SEARCHED), pending: Vec::new() })
    }

    /// Returns the line before those returned so far, without its line end; `None` if there is no
    /// such line, or if it was not searched.
    fn previous_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = memrchr(b'\n', &self.pending) {
                let line = self.pending.split_off(end + 1);
                self.pending.truncate(end);
                return Ok(Some(line));
            }
            if self.place == self.first || self.pending.len() > LONGEST_LINE {
                let is_whole = self.place == 0 && !self.pending.is_empty();
                return Ok(is_whole.then(|| std::mem::take(&mut self.pending)));
            }
            let length = PIECE.min(self.place - self.first);
            self.place -= length;
            self.file.seek(SeekFrom::Start(self.place))?;
            let mut piece = Vec::new();
            (&mut self.file).take(length).read_to_end(&mut piece)?;
            piece.append(&mut self.pending);
            self.pending = piece;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_lines_that_contain_a_text_come_in_their_order() {
        let path = std::env::temp_dir().join(format!("herd-log-tail-{}", std::process::id()));
        let found = |text: &str, contains: &str, most: usize| {
            fs::write(&path, text).unwrap();
            last_lines(&path, contains, most).unwrap()
        };
        let text = "one kiwi\ntwo pear\n\nthree kiwi\nfour kiwi\nfive ki";
        assert_eq!(found(text, "kiwi", 2), ["three kiwi", "four kiwi"]);
        assert_eq!(found(text, "kiwi", 9), ["one kiwi", "three kiwi", "four kiwi"]);
        assert_eq!(found(text, "", 3), ["", "three kiwi", "four kiwi"]);
        assert_eq!(found(text, "ki", 0), [""; 0]);
        assert_eq!(found("", "", 9), [""; 0]);
        assert_eq!(found("not complete", "", 9), [""; 0]);
        // Lines that cross the ends of pieces are whole.
        let line = |number: usize| format!("{number:05} {}", "x".repeat(number % 211));
        let many: String = (0..5_000).map(|number| line(number) + "\n").collect();
        assert!(many.len() as u64 > 4 * PIECE);
        let all: Vec<String> = (0..5_000).map(line).collect();
        assert_eq!(found(&many, "", usize::MAX), all);
        assert_eq!(found(&many, "00042", 1), [line(42)]);
        fs::write(former_log(&path), "zero kiwi\n").unwrap();
        assert_eq!(found("one kiwi\ntwo pear\n", "kiwi", 2), ["zero kiwi", "one kiwi"]);
        assert_eq!(found("one kiwi\ntwo pear\n", "kiwi", 1), ["one kiwi"]);
        for path in [former_log(&path), path] {
            fs::remove_file(path).unwrap();
        }
    }
}
