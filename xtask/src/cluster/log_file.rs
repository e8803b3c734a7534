//! Reads a node's log while the node writes it.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use herd::telemetry::former_log;
use memchr::memrchr_iter;

/// The time between two reads of a log that is followed.
pub(crate) const LOG_POLL: Duration = Duration::from_millis(100);

/// The number of bytes that are read at a time from the end of a log.
const PIECE: u64 = 64 * 1024;

/// A reader that returns only lines that are complete. A node renames a log that is full and begins
/// a new one; the reader reads one after the other.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: BufReader<File>,
    /// The last line that was read, or the start of a line that is not complete yet.
    line: Vec<u8>,
    /// Whether the file has been renamed, and been read once more since.
    is_complete: bool,
}

impl LogFile {
    /// Opens a log and starts reading at its first line.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<LogFile> {
        let former = File::open(former_log(path));
        LogFile::with_file(path, former.or_else(|_| File::open(path)))
    }

    /// Opens a log and starts reading at its end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn open_at_end(path: &Path) -> Result<LogFile> {
        let mut log = LogFile::with_file(path, File::open(path))?;
        log.file.seek(SeekFrom::End(0)).with_context(|| cannot_read(path))?;
        Ok(log)
    }

    /// Opens a log and starts reading `most` lines before its end, or at its first line if it has
    /// fewer.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn open_at_last(path: &Path, most: usize) -> Result<LogFile> {
        let mut log = LogFile::with_file(path, File::open(path))?;
        let lines = log.seek_last(most).with_context(|| cannot_read(path))?;
        if lines < most
            && let Ok(former) = File::open(former_log(path))
        {
            log.file = BufReader::new(former);
            log.seek_last(most - lines).with_context(|| cannot_read(path))?;
        }
        Ok(log)
    }

    /// Opens a log whose lines are sorted, and starts reading near the first line that is not
    /// early. `is_early` returns `None` for a line that does not say. If no line says, reading
    /// starts at the first line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn open_after(path: &Path, is_early: impl Fn(&[u8]) -> Option<bool>) -> Result<LogFile> {
        let mut log = LogFile::with_file(path, File::open(path))?;
        let mut begins_early = log.is_early_at(0, &is_early).with_context(|| cannot_read(path))?;
        if begins_early != Some(true)
            && let Ok(former) = File::open(former_log(path))
        {
            log.file = BufReader::new(former);
            begins_early = log.is_early_at(0, &is_early).with_context(|| cannot_read(path))?;
        }
        let found = if begins_early == Some(true) { log.skip_early(&is_early) } else { log.file.rewind() };
        found.with_context(|| cannot_read(path))?;
        Ok(log)
    }

    fn with_file(path: &Path, file: io::Result<File>) -> Result<LogFile> {
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        Ok(LogFile {
            path: path.to_owned(),
            file: BufReader::new(file),
            line: Vec::new(),
            is_complete: false,
        })
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
        self.file.read_until(b'\n', &mut self.line)?;
        while !self.line.ends_with(b"\n") {
            if !self.find_more()? {
                return Ok(None);
            }
            self.file.read_until(b'\n', &mut self.line)?;
        }
        Ok(Some(&self.line))
    }

    /// Looks for more at the end of a file: the file has been truncated, or renamed. Returns
    /// whether there may be more.
    fn find_more(&mut self) -> io::Result<bool> {
        let id = |file: &Metadata| (file.dev(), file.ino());
        let here = self.file.get_ref().metadata()?;
        // A log that is being renamed has no name for a moment.
        let Ok(current) = fs::metadata(&self.path) else { return Ok(false) };
        if id(&current) == id(&here) {
            // A herd truncates its logs when it starts.
            let is_truncated = here.len() < self.file.stream_position()?;
            if is_truncated {
                self.file.rewind()?;
                self.line.clear();
            }
            return Ok(is_truncated);
        }
        if !self.is_complete {
            // The node may have written more before it renamed the file.
            self.is_complete = true;
            return Ok(true);
        }
        let former = former_log(&self.path);
        let is_skipped = fs::metadata(&former).is_ok_and(|former| id(&former) != id(&here));
        let Ok(next) = File::open(if is_skipped { &former } else { &self.path }) else { return Ok(false) };
        self.file = BufReader::new(next);
        self.line.clear();
        self.is_complete = false;
        Ok(true)
    }

    /// Moves `most` complete lines before the end of the file, or to its start. Returns the number
    /// of lines that follow.
    fn seek_last(&mut self, most: usize) -> io::Result<usize> {
        let mut place = self.file.seek(SeekFrom::End(0))?;
        let mut piece = Vec::new();
        // The first line end that is found ends the last line.
        let mut ends = 0;
        while place > 0 {
            let length = PIECE.min(place);
            place -= length;
            self.file.seek(SeekFrom::Start(place))?;
            piece.clear();
            (&mut self.file).take(length).read_to_end(&mut piece)?;
            for end in memrchr_iter(b'\n', &piece) {
                if ends == most {
                    self.file.seek(SeekFrom::Start(place + end as u64 + 1))?;
                    return Ok(most);
                }
                ends += 1;
            }
        }
        self.file.rewind()?;
        Ok(ends)
    }

    /// Moves to a place before which all lines are early, and soon after which they are not.
    fn skip_early(&mut self, is_early: &impl Fn(&[u8]) -> Option<bool>) -> io::Result<()> {
        let (mut early, mut late) = (0, self.file.get_ref().metadata()?.len());
        while late - early > PIECE {
            let middle = early + (late - early) / 2;
            if self.is_early_at(middle, is_early)? == Some(true) {
                early = middle;
            } else {
                late = middle;
            }
        }
        self.seek_line(early)
    }

    /// Returns whether the first line behind `place` that says so is early; `None` if no line does.
    fn is_early_at(
        &mut self,
        place: u64,
        is_early: &impl Fn(&[u8]) -> Option<bool>,
    ) -> io::Result<Option<bool>> {
        self.seek_line(place)?;
        let mut line = Vec::new();
        while self.file.read_until(b'\n', &mut line)? > 0 {
            if let Some(is_early) = is_early(&line) {
                return Ok(Some(is_early));
            }
            line.clear();
        }
        Ok(None)
    }

    /// Moves to the first line that begins at `place` or behind it.
    fn seek_line(&mut self, place: u64) -> io::Result<()> {
        let Some(before) = place.checked_sub(1) else { return self.file.rewind() };
        self.file.seek(SeekFrom::Start(before))?;
        self.file.skip_until(b'\n').map(drop)
    }
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Returns the path of a log, without a log.
    fn log_path(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("herd-log-{}-{test}", std::process::id()));
        let _ = fs::remove_file(&path);
        let _ = fs::remove_file(former_log(&path));
        path
    }

    /// Returns the lines that can be read now, without their line ends.
    fn lines(log: &mut LogFile) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = log.next_line().unwrap() {
            lines.push(String::from_utf8_lossy(line).trim_end().to_owned());
        }
        lines
    }

    #[test]
    fn lines_come_whole_and_a_truncated_log_is_read_from_its_start() {
        let path = log_path("truncated");
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"old\n").unwrap();
        let mut log = LogFile::open_at_end(&path).unwrap();
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(lines(&mut log), ["one"]);
        writer.write_all(b"o\n").unwrap();
        assert_eq!(lines(&mut log), ["two"]);
        fs::write(&path, "new\n").unwrap();
        assert_eq!(lines(&mut log), ["new"]);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_log_that_is_renamed_is_read_to_its_end_and_then_the_new_one() {
        let path = log_path("renamed");
        let rename = || fs::rename(&path, former_log(&path)).unwrap();
        fs::write(&path, "one\n").unwrap();
        rename();
        fs::write(&path, "two\n").unwrap();
        let mut log = LogFile::open(&path).unwrap();
        assert_eq!(lines(&mut log), ["one", "two"]);
        File::options().append(true).open(&path).unwrap().write_all(b"three\n").unwrap();
        rename();
        assert_eq!(lines(&mut log), ["three"], "the new file is not there yet");
        fs::write(&path, "four\n").unwrap();
        assert_eq!(lines(&mut log), ["four"]);
        // Between two reads the log was renamed twice.
        rename();
        fs::write(&path, "five\n").unwrap();
        rename();
        fs::write(&path, "six\n").unwrap();
        assert_eq!(lines(&mut log), ["five", "six"]);
        for path in [former_log(&path), path] {
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn reading_starts_near_the_end_or_near_a_line() {
        let path = log_path("last");
        let line = |number: u32| format!("{number:05} {}\n", "x".repeat(number as usize % 211));
        let text = |numbers: std::ops::Range<u32>| numbers.map(line).collect::<String>();
        fs::write(former_log(&path), text(0..5_000)).unwrap();
        fs::write(&path, text(5_000..10_000) + "not complete").unwrap();
        let numbers = |log: &mut LogFile| -> Vec<u32> {
            lines(log).iter().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
        };
        for (most, first) in
            [(0, 10_000), (1, 9_999), (5_000, 5_000), (5_001, 4_999), (9_999, 1), (20_000, 0)]
        {
            let mut log = LogFile::open_at_last(&path, most).unwrap();
            assert_eq!(numbers(&mut log), (first..10_000).collect::<Vec<_>>(), "{most}");
        }
        for first in [0, 1, 2_500, 4_999, 5_000, 5_001, 7_000, 9_999] {
            let is_early = |line: &[u8]| {
                let number: u32 = std::str::from_utf8(line).ok()?.split(' ').next()?.parse().ok()?;
                Some(number < first)
            };
            let found = numbers(&mut LogFile::open_after(&path, is_early).unwrap());
            assert!(found[0] <= first && found[0] + 2_000 > first, "{first}: {}", found[0]);
            assert_eq!(found, (found[0]..10_000).collect::<Vec<_>>());
        }
        let all = numbers(&mut LogFile::open_after(&path, |_| None).unwrap());
        assert_eq!(all, (0..10_000).collect::<Vec<_>>(), "no line says");
        for path in [former_log(&path), path] {
            fs::remove_file(path).unwrap();
        }
    }
}
