//! Reads a node's log while the node writes it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::time::Duration;

use anyhow::{Context, Result};

/// The time between two reads of a log that is followed.
pub(crate) const LOG_POLL: Duration = Duration::from_millis(100);

/// A reader that returns only lines that are complete.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: BufReader<File>,
    /// The last line that was read, or the start of a line that is not complete yet.
    line: Vec<u8>,
}

impl LogFile {
    /// Opens a log and starts reading at its first line.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: &str) -> Result<LogFile> {
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        Ok(LogFile { file: BufReader::new(file), line: Vec::new() })
    }

    /// Moves to the end of the log.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn skip_to_end(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0)).map(drop)
    }

    /// Returns the next line with its line end, or `None` if it is not complete yet. If the log has
    /// been truncated, reading restarts at its first line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        if self.line.ends_with(b"\n") {
            self.line.clear();
        }
        // A herd truncates its logs when it starts.
        if self.file.get_ref().metadata()?.len() < self.file.stream_position()? {
            self.file.rewind()?;
            self.line.clear();
        }
        self.file.read_until(b'\n', &mut self.line)?;
        Ok(self.line.ends_with(b"\n").then_some(&self.line))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_come_whole_and_a_truncated_log_is_read_from_its_start() {
        let path = std::env::temp_dir().join(format!("herd-log-{}", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"old\n").unwrap();
        let mut log = LogFile::open(path.to_str().unwrap()).unwrap();
        log.skip_to_end().unwrap();
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(log.next_line().unwrap(), Some(&b"one\n"[..]));
        assert_eq!(log.next_line().unwrap(), None);
        writer.write_all(b"o\n").unwrap();
        assert_eq!(log.next_line().unwrap(), Some(&b"two\n"[..]));
        fs::write(&path, "new\n").unwrap();
        assert_eq!(log.next_line().unwrap(), Some(&b"new\n"[..]));
        assert_eq!(log.next_line().unwrap(), None);
        fs::remove_file(&path).unwrap();
    }
}
