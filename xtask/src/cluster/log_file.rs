//! A node's log while it is written.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::time::Duration;

use anyhow::{Context, Result};

/// How often a log that is followed is worth a look.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// Reads whole lines, as far as they have been written.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: BufReader<File>,
    /// What was read last: a line, or one whose end has not been written yet.
    line: Vec<u8>,
}

impl LogFile {
    /// Begins at the start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(path: &str) -> Result<LogFile> {
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        Ok(LogFile { file: BufReader::new(file), line: Vec::new() })
    }

    /// Goes on at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn skip(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0)).map(drop)
    }

    /// The next line with its end, if it has been written.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        if self.line.ends_with(b"\n") {
            self.line.clear();
        }
        // A herd that starts anew empties its logs.
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
    fn lines_come_whole_and_a_log_that_is_emptied_begins_anew() {
        let path = std::env::temp_dir().join(format!("herd-log-{}", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"old\n").unwrap();
        let mut log = LogFile::open(path.to_str().unwrap()).unwrap();
        log.skip().unwrap();
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
