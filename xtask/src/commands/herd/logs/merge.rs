//! Logs merged by time.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use crate::cluster::log_file::LogFile;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The node that has logged it.
    pub(super) node: String,
    /// When, as the log says: a text whose order is that of time. A line without a time has that of the line before.
    pub(super) time: String,
    /// The line, without its end.
    pub(super) line: String,
}

/// Several logs.
#[derive(Debug)]
pub(super) struct Merged(Vec<Log>);

#[derive(Debug)]
struct Log {
    node: String,
    file: LogFile,
    /// The next line, and when it was read.
    next: Option<(Entry, Instant)>,
    /// The time of the last line that had one.
    time: String,
}

/// A line waits no longer than this for lines of other nodes, whatever its time is: a clock may have been set back.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Merged {
    /// Opens the logs of nodes.
    ///
    /// # Errors
    /// One cannot be opened.
    pub(super) fn open(logs: &[(String, String)]) -> Result<Merged> {
        let open = |(node, path): &(String, String)| {
            Ok(Log { node: node.clone(), file: LogFile::open(path)?, next: None, time: String::new() })
        };
        logs.iter().map(open).collect::<Result<_>>().map(Merged)
    }

    /// The earliest line that has not been taken; of several with one time, that of the first log. With `settled`, only
    /// one up to that time: until then all logs are complete.
    ///
    /// # Errors
    /// A log cannot be read.
    pub(super) fn next(&mut self, settled: Option<&str>) -> io::Result<Option<Entry>> {
        self.0.iter_mut().try_for_each(Log::read)?;
        let heads = self.0.iter_mut().filter(|log| log.next.is_some());
        let Some(first) = heads.min_by(|one, other| one.time.cmp(&other.time)) else { return Ok(None) };
        let is_due = |(entry, read): &mut (Entry, Instant)| {
            settled.is_none_or(|settled| *entry.time <= *settled) || read.elapsed() > LONGEST_WAIT
        };
        Ok(first.next.take_if(is_due).map(|(entry, _)| entry))
    }
}

impl Log {
    /// Reads the next line, unless there is one already, or none has been written.
    fn read(&mut self) -> io::Result<()> {
        if self.next.is_some() {
            return Ok(());
        }
        let Some(line) = self.file.next_line()? else { return Ok(()) };
        let line = String::from_utf8_lossy(line).trim_end_matches('\n').to_owned();
        if let Some(time) = time_of(&line) {
            time.clone_into(&mut self.time);
        }
        let entry = Entry { node: self.node.clone(), time: self.time.clone(), line };
        self.next = Some((entry, Instant::now()));
        Ok(())
    }
}

/// The time of a line, whether the log is text or JSON.
fn time_of(line: &str) -> Option<&str> {
    let time = line.strip_prefix("{\"timestamp\":\"").unwrap_or(line).get(..TIME.len())?;
    let is_like = |(byte, like): (u8, u8)| byte == like || byte.is_ascii_digit() && like.is_ascii_digit();
    time.bytes().zip(TIME.bytes()).all(is_like).then_some(time)
}

/// What the time of an event looks like.
pub(super) const TIME: &str = "2026-01-01T00:00:00.000000Z";

/// A time as the events of logs have it.
pub(super) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Logs in a folder of their own.
    fn logs(test: &str, texts: &[(&str, &str)]) -> (PathBuf, Merged) {
        let folder = std::env::temp_dir().join(format!("herd-merge-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |(node, text): &(&str, &str)| {
            let path = folder.join(node);
            fs::write(&path, text).unwrap();
            ((*node).to_owned(), path.display().to_string())
        };
        let logs: Vec<(String, String)> = texts.iter().map(write).collect();
        let merged = Merged::open(&logs).unwrap();
        (folder, merged)
    }

    fn append(folder: &Path, node: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).open(folder.join(node)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn line(second: u32, text: &str) -> String {
        format!("2026-01-01T00:00:{second:02}.000000Z  INFO {text}\n")
    }

    /// The ends of the lines that are due.
    fn due(merged: &mut Merged, settled: Option<&str>) -> Vec<String> {
        let lines = std::iter::from_fn(|| merged.next(settled).unwrap());
        lines.map(|entry| format!("{} {}", entry.node, entry.line.rsplit(' ').next().unwrap())).collect()
    }

    #[test]
    fn lines_of_all_nodes_come_by_time_and_of_one_time_by_node() {
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
    fn lines_that_are_followed_wait_until_all_logs_are_complete_up_to_them() {
        let (folder, mut merged) = logs("followed", &[("Alford", ""), ("Bolden", "")]);
        append(&folder, "Bolden", &line(2, "two"));
        let settled = |second| format!("2026-01-01T00:00:{second:02}.000000Z");
        assert_eq!(due(&mut merged, Some(&settled(1))), [""; 0]);
        append(&folder, "Alford", &(line(1, "one") + &line(3, "three")));
        assert_eq!(due(&mut merged, Some(&settled(2))), ["Alford one", "Bolden two"]);
        assert_eq!(due(&mut merged, Some(&settled(9))), ["Alford three"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_the_time_of_an_event_is_one() {
        for line in ["", "2026", "thread 'main' panicked at", "2026-01-01 00:00:00.000000Z INFO", "{\"a\":1}"]
        {
            assert_eq!(time_of(line), None, "{line}");
        }
        assert_eq!(time_of(&timestamp(SystemTime::now())).map(str::len), Some(TIME.len()));
    }
}
