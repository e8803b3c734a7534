//! Logs merged by time.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use super::filter::LineFilter;
use crate::cluster::log_file::LogFile;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogLine {
    /// The node whose log has the line.
    pub(super) node: String,
    /// The time of the line in the log's format, which sorts by time. A line without a time has the
    /// time of the line before.
    pub(super) time: String,
    /// The line, without its line end.
    pub(super) line: String,
}

/// The logs of several nodes.
#[derive(Debug)]
pub(super) struct MergedLogs {
    logs: Vec<Log>,
    filter: LineFilter,
}

#[derive(Debug)]
struct Log {
    node: String,
    file: LogFile,
    /// The next line, and when it was read.
    next: Option<(LogLine, Instant)>,
    /// The time of the last line that had a time.
    time: String,
}

/// The longest time that a line waits for lines of other nodes. Without it, a line whose time is in
/// the future would wait until then: a clock may have been set back.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl MergedLogs {
    /// Opens the logs of nodes, given as names and paths. Only lines that the filter accepts will
    /// be returned, and no more than the last `tail` of each log are needed.
    ///
    /// # Errors
    /// A log cannot be opened.
    pub(super) fn open(
        logs: &[(String, String)],
        filter: LineFilter,
        tail: Option<usize>,
    ) -> Result<MergedLogs> {
        let open = |(node, path): &(String, String)| {
            let file = open_log(Path::new(path), &filter, tail)?;
            Ok(Log { node: node.clone(), file, next: None, time: String::new() })
        };
        let logs = logs.iter().map(open).collect::<Result<_>>()?;
        Ok(MergedLogs { logs, filter })
    }

    /// Returns the earliest line that has not been returned yet. If several lines have the same
    /// time, this is the line of the first log. `complete_until` is the time up to which all logs
    /// are complete: later lines are not returned yet.
    ///
    /// # Errors
    /// A log cannot be read.
    pub(super) fn next_line(&mut self, complete_until: Option<&str>) -> io::Result<Option<LogLine>> {
        self.logs.iter_mut().try_for_each(|log| log.read_next(&self.filter))?;
        let heads = self.logs.iter_mut().filter(|log| log.next.is_some());
        let Some(first) = heads.min_by(|one, other| one.time.cmp(&other.time)) else { return Ok(None) };
        let is_due = |(line, read): &mut (LogLine, Instant)| {
            complete_until.is_none_or(|time| *line.time <= *time) || read.elapsed() > LONGEST_WAIT
        };
        Ok(first.next.take_if(is_due).map(|(line, _)| line))
    }
}

impl Log {
    /// Reads the next line that the filter accepts, unless one is waiting already or the next one
    /// is not complete.
    fn read_next(&mut self, filter: &LineFilter) -> io::Result<()> {
        while self.next.is_none()
            && let Some(line) = self.file.next_line()?
        {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches('\n');
            if let Some(time) = time_of(line) {
                time.clone_into(&mut self.time);
            }
            if filter.accepts(&self.time, line) {
                let line =
                    LogLine { node: self.node.clone(), time: self.time.clone(), line: line.to_owned() };
                self.next = Some((line, Instant::now()));
            }
        }
        Ok(())
    }
}

/// Opens a log, and skips what is before the lines that may be printed.
fn open_log(path: &Path, filter: &LineFilter, tail: Option<usize>) -> Result<LogFile> {
    match (&filter.since, tail) {
        (Some(since), _) => LogFile::open_after(path, |line| {
            let line = String::from_utf8_lossy(line);
            time_of(&line).map(|time| time < since.as_str())
        }),
        (None, Some(tail)) if !filter.is_of_text() => LogFile::open_at_last(path, tail),
        _ => LogFile::open(path),
    }
}

/// Returns the time of a line of a log, which is text or JSON.
fn time_of(line: &str) -> Option<&str> {
    let time = line.strip_prefix("{\"timestamp\":\"").unwrap_or(line).get(..TIME.len())?;
    let is_like = |(byte, like): (u8, u8)| byte == like || byte.is_ascii_digit() && like.is_ascii_digit();
    time.bytes().zip(TIME.bytes()).all(is_like).then_some(time)
}

/// An example of the time of an event.
pub(super) const TIME: &str = "2026-01-01T00:00:00.000000Z";

/// Formats a time like the events of logs.
pub(super) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Writes logs, and returns their folder and the merged logs.
    fn logs(test: &str, texts: &[(&str, &str)]) -> (PathBuf, MergedLogs) {
        let folder = std::env::temp_dir().join(format!("herd-merge-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |(node, text): &(&str, &str)| {
            let path = folder.join(node);
            fs::write(&path, text).unwrap();
            ((*node).to_owned(), path.display().to_string())
        };
        let logs: Vec<(String, String)> = texts.iter().map(write).collect();
        let merged = MergedLogs::open(&logs, LineFilter::default(), None).unwrap();
        (folder, merged)
    }

    fn append(folder: &Path, node: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).open(folder.join(node)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn line(second: u32, text: &str) -> String {
        format!("2026-01-01T00:00:{second:02}.000000Z  INFO {text}\n")
    }

    /// The nodes and last words of the lines that are due.
    fn due(merged: &mut MergedLogs, complete_until: Option<&str>) -> Vec<String> {
        let lines = std::iter::from_fn(|| merged.next_line(complete_until).unwrap());
        lines.map(|line| format!("{} {}", line.node, line.line.rsplit(' ').next().unwrap())).collect()
    }

    #[test]
    fn lines_are_sorted_by_time_and_then_by_node() {
        let json =
            "{\"timestamp\":\"2026-01-01T00:00:02.500000Z\",\"level\":\"INFO\",\"x\": \"two-and-a-half\"}\n";
        let alford = line(1, "one") + &line(3, "three") + "a panic, without a time\n" + &line(5, "five");
        let (folder, mut merged) =
            logs("by-time", &[("Alford", &alford), ("Bolden", &(line(2, "two") + json + &line(3, "three")))]);
        let expected = [
            "Alford one",
            "Bolden two",
            "Bolden \"two-and-a-half\"}",
            "Alford three",
            "Alford time",
            "Bolden three",
            "Alford five",
        ];
        assert_eq!(due(&mut merged, None), expected);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn followed_lines_wait_until_all_logs_are_complete_up_to_them() {
        let (folder, mut merged) = logs("followed", &[("Alford", ""), ("Bolden", "")]);
        append(&folder, "Bolden", &line(2, "two"));
        let time = |second| format!("2026-01-01T00:00:{second:02}.000000Z");
        assert_eq!(due(&mut merged, Some(&time(1))), [""; 0]);
        append(&folder, "Alford", &(line(1, "one") + &line(3, "three")));
        assert_eq!(due(&mut merged, Some(&time(2))), ["Alford one", "Bolden two"]);
        assert_eq!(due(&mut merged, Some(&time(9))), ["Alford three"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_the_full_time_of_an_event_is_a_time() {
        for line in ["", "2026", "thread 'main' panicked at", "2026-01-01 00:00:00.000000Z INFO", "{\"a\":1}"]
        {
            assert_eq!(time_of(line), None, "{line}");
        }
        assert_eq!(time_of(&timestamp(SystemTime::now())).map(str::len), Some(TIME.len()));
    }
}
