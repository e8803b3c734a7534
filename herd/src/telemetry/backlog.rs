//! The backlog of log lines. A separate thread formats and writes them, so a log that blocks, such
//! as a file on a hung disk or a pipe that is not read, delays nothing else.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tracing::warn;

use super::formatter::Formatter;
use super::rotation::Rotation;

/// The number of log lines that this process has dropped since its start.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the number of log lines that this process has dropped since its start.
pub(crate) fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Entries that wait to be written, up to a fixed number of bytes. Further ones are dropped, and
/// their lines counted.
#[derive(Debug)]
pub(super) struct Backlog {
    most_bytes: usize,
    state: Mutex<State>,
    /// Signals that the writer has a reason to go on, or that all entries were taken.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<u8>,
    /// Whether the writer waits for the first entry.
    is_idle: bool,
    /// Whether the writer has taken entries and has not written all of them yet.
    is_writing: bool,
    /// Whether somebody waits until everything has been written.
    is_flushing: bool,
    /// Lines dropped since the last report of them.
    dropped: u64,
    /// The thread that writes. It reports dropped lines, and its reports are never dropped.
    writer: Option<ThreadId>,
}

/// The file that lines are written to. It can be replaced while the writer runs.
pub(super) type Destination = Arc<Mutex<Arc<File>>>;

/// How long the writer lets entries gather after it has written some, unless there are many. Waking
/// it for each batch would cost the threads that serve more than the lines themselves.
const GATHERING: Duration = Duration::from_millis(2);

/// The text that is formatted before it is written, in bytes: little enough for a processor's
/// cache.
const WRITE_BYTES: usize = 256 * 1024;

impl Backlog {
    /// Starts the thread that formats and writes the entries. It runs until the process exits.
    ///
    /// # Errors
    /// Fails if the system cannot start another thread.
    pub(super) fn start(
        destination: Destination,
        formatter: Formatter,
        most_bytes: usize,
        rotation: Option<Rotation>,
    ) -> io::Result<Arc<Backlog>> {
        let state = Mutex::default();
        let backlog = Arc::new(Backlog { most_bytes, state, changed: Condvar::new() });
        let writer = Arc::clone(&backlog);
        let write = move || writer.write_batches(&destination, formatter, rotation);
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(backlog)
    }

    /// Adds entries that hold a number of lines, or drops and counts these if the backlog is full.
    pub(super) fn push(&self, entries: &[u8], lines: u64) {
        let mut state = self.lock();
        let before = state.entries.len();
        let after = before + entries.len();
        if after > self.most_bytes && state.writer != Some(thread::current().id()) {
            state.dropped += lines;
            DROPPED.fetch_add(lines, Ordering::Relaxed);
            return;
        }
        state.entries.extend_from_slice(entries);
        let is_many = before < self.many() && after >= self.many();
        let wakes = std::mem::take(&mut state.is_idle) || is_many;
        drop(state);
        if wakes {
            self.changed.notify_all();
        }
    }

    /// The bytes of entries that the writer takes without waiting for more. A larger batch is
    /// likely to be dropped as a whole.
    pub(super) fn many(&self) -> usize {
        self.most_bytes / 4
    }

    /// Waits until everything has been written, for at most `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let mut state = self.lock();
        state.is_flushing = true;
        self.changed.notify_all();
        let has_more = |state: &mut State| state.is_writing || !state.entries.is_empty();
        let waited = self.changed.wait_timeout_while(state, patience, has_more);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_flushing = false;
    }

    fn write_batches(
        &self,
        destination: &Mutex<Arc<File>>,
        mut formatter: Formatter,
        mut rotation: Option<Rotation>,
    ) {
        self.lock().writer = Some(thread::current().id());
        let mut batch = Vec::new();
        let mut text = Vec::new();
        let mut is_torn = false;
        loop {
            self.take_entries(&mut batch);
            let file = Arc::clone(&destination.lock().unwrap_or_else(PoisonError::into_inner));
            let mut entries = &batch[..];
            let mut lost = 0;
            while !entries.is_empty() {
                text.clear();
                formatter.format(&mut entries, &mut text, WRITE_BYTES);
                lost += write_lines(&file, &text, &mut is_torn);
            }
            if let Some(rotation) = &mut rotation {
                rotation.rotate_if_full(destination);
            }
            let dropped = self.count_lost(lost);
            if dropped > 0 {
                warn!(lines = dropped, "lines not logged: the log blocks, fails or is too slow");
            }
        }
    }

    /// Waits for entries and takes all of them.
    fn take_entries(&self, batch: &mut Vec<u8>) {
        batch.clear();
        let mut state = self.lock();
        state.is_writing = false;
        self.changed.notify_all();
        let few = |state: &mut State| state.entries.len() < self.many() && !state.is_flushing;
        let gathered = self.changed.wait_timeout_while(state, GATHERING, few);
        state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        state.is_idle = state.entries.is_empty();
        let nothing = |state: &mut State| state.entries.is_empty();
        let mut state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.entries, batch);
        state.is_writing = true;
    }

    /// Counts the lines of a batch that could not be written. Returns how many dropped lines to
    /// report: 0 while lines are still being lost, because the report would be lost as well.
    fn count_lost(&self, lost: u64) -> u64 {
        DROPPED.fetch_add(lost, Ordering::Relaxed);
        let mut state = self.lock();
        state.dropped += lost;
        if lost == 0 { std::mem::take(&mut state.dropped) } else { 0 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines until a write fails, and returns the number of lost lines. `is_torn` is true while
/// the last line in the file is incomplete; the next line then begins with a line end.
fn write_lines(file: &File, text: &[u8], is_torn: &mut bool) -> u64 {
    let begun = if *is_torn { (&*file).write_all(b"\n") } else { Ok(()) };
    let written = begun.map_or(0, |()| write_most(file, text));
    if written > 0 {
        *is_torn = text[written - 1] != b'\n';
    }
    text[written..].iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Writes bytes until a write fails. Returns how many were written.
fn write_most(mut file: &File, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::telemetry::{Format, Kind, add_entry};

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Returns a backlog that writes to a file.
    fn backlog(destination: &Destination) -> Arc<Backlog> {
        let formatter = Formatter::new(Format::Text, false);
        Backlog::start(Arc::clone(destination), formatter, 1000, None).unwrap()
    }

    /// Returns a backlog that writes to a pipe which already holds `bytes`, and the pipe's other
    /// end.
    fn piped(bytes: &[u8]) -> (Arc<Backlog>, io::PipeReader) {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(bytes).unwrap();
        (backlog(&Arc::new(Mutex::new(Arc::new(File::from(OwnedFd::from(writer)))))), reader)
    }

    /// Returns an event as an entry.
    fn event(text: &[u8]) -> Vec<u8> {
        let mut entry = Vec::new();
        add_entry(&mut entry, Kind::Event, text);
        entry
    }

    #[test]
    fn lines_are_written_in_order() {
        let (backlog, reader) = piped(b"");
        let lines: Vec<String> = (0..5).map(|number| format!("line {number}")).collect();
        lines.iter().for_each(|line| backlog.push(&event(format!("{line}\n").as_bytes()), 1));
        backlog.flush(PATIENCE);
        let read: Vec<String> = BufReader::new(reader).lines().take(5).map(Result::unwrap).collect();
        assert_eq!(read, lines);
    }

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted_without_blocking() {
        let full = [b'f'; 64 * 1024];
        let (backlog, mut reader) = piped(&full);
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let batch = event(&line).repeat(2);
        (0..50).for_each(|_| backlog.push(&batch, 2));
        backlog.flush(Duration::ZERO);
        let kept = 100 - backlog.lock().dropped as usize;
        assert!((8..=20).contains(&kept), "{kept} in the backlog and the batch being written");
        reader.read_exact(&mut full.clone()).unwrap();
        let mut read = vec![0; kept * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read.chunks(line.len()).all(|read| read == line), "whole lines, and each once");
        backlog.flush(PATIENCE);
        assert_eq!(backlog.lock().dropped, 0, "reported");
    }

    #[test]
    fn lines_that_cannot_be_written_are_reported_once_others_can() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let destination = Arc::new(Mutex::new(Arc::new(file)));
        let backlog = backlog(&destination);
        backlog.push(&[event(b"one\n"), event(b"two\n")].concat(), 2);
        backlog.flush(PATIENCE);
        assert_eq!(backlog.lock().dropped, 2);
        let (mut reader, writer) = io::pipe().unwrap();
        *destination.lock().unwrap() = Arc::new(File::from(OwnedFd::from(writer)));
        backlog.push(&event(b"three\n"), 1);
        backlog.flush(PATIENCE);
        assert_eq!(backlog.lock().dropped, 0, "reported");
        let mut read = [0; 6];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"three\n");
    }
}
