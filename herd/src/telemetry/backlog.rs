//! The backlog of log lines. A separate thread writes them, so a log that blocks, such as a file on
//! a hung disk or a pipe that is not read, delays nothing else.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tracing::warn;

/// The number of log lines that this process has dropped since its start.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the number of log lines that this process has dropped since its start.
pub(crate) fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Whole lines that wait to be written, up to a fixed number of bytes. Further lines are dropped
/// and counted.
#[derive(Debug)]
pub(super) struct Backlog {
    most_bytes: usize,
    state: Mutex<State>,
    /// Signals that lines were added, or that all were taken.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Whether the writer has taken lines and has not written all of them yet.
    is_writing: bool,
    /// Lines dropped since the last report of them.
    dropped: u64,
    /// The thread that writes. It reports dropped lines, and its reports are never dropped.
    writer: Option<ThreadId>,
}

/// The file that lines are written to. It can be replaced while the writer runs.
pub(super) type Destination = Arc<Mutex<Arc<File>>>;

impl Backlog {
    /// Starts the thread that writes the lines. It runs until the process exits.
    ///
    /// # Errors
    /// Fails if the system cannot start another thread.
    pub(super) fn start(destination: Destination, most_bytes: usize) -> io::Result<Arc<Backlog>> {
        let state = Mutex::default();
        let backlog = Arc::new(Backlog { most_bytes, state, changed: Condvar::new() });
        let writer = Arc::clone(&backlog);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_batches(&destination))?;
        Ok(backlog)
    }

    /// Adds a line with its line end, or drops and counts it if the backlog is full.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let fits = state.lines.len() + line.len() <= self.most_bytes;
        if !fits && state.writer != Some(thread::current().id()) {
            state.dropped += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.changed.notify_all();
        }
    }

    /// Waits until everything has been written, for at most `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let has_more = |state: &mut State| state.is_writing || !state.lines.is_empty();
        drop(self.changed.wait_timeout_while(self.lock(), patience, has_more));
    }

    fn write_batches(&self, destination: &Mutex<Arc<File>>) {
        self.lock().writer = Some(thread::current().id());
        let mut batch = Vec::new();
        let mut is_torn = false;
        loop {
            self.take_lines(&mut batch);
            let file = Arc::clone(&destination.lock().unwrap_or_else(PoisonError::into_inner));
            // The next line must not continue one that was written only in part.
            let begun = if is_torn { (&*file).write_all(b"\n") } else { Ok(()) };
            let written = begun.map_or(0, |()| write_most(&file, &batch));
            is_torn = if written == 0 { is_torn } else { batch[written - 1] != b'\n' };
            let lost = batch[written..].iter().filter(|byte| **byte == b'\n').count() as u64;
            let dropped = self.count_lost(lost);
            if dropped > 0 {
                warn!(lines = dropped, "the log blocked or failed: lines were dropped");
            }
        }
    }

    /// Waits for lines and takes all of them.
    fn take_lines(&self, batch: &mut Vec<u8>) {
        batch.clear();
        let mut state = self.lock();
        state.is_writing = false;
        self.changed.notify_all();
        let nothing = |state: &mut State| state.lines.is_empty();
        let mut state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.lines, batch);
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

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Returns a backlog that writes to a pipe which already holds `bytes`, and the pipe's other
    /// end.
    fn piped(bytes: &[u8]) -> (Arc<Backlog>, io::PipeReader) {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(bytes).unwrap();
        let destination = Arc::new(Mutex::new(Arc::new(File::from(OwnedFd::from(writer)))));
        (Backlog::start(destination, 1000).unwrap(), reader)
    }

    #[test]
    fn lines_are_written_in_order() {
        let (backlog, reader) = piped(b"");
        let lines: Vec<String> = (0..5).map(|number| format!("line {number}")).collect();
        lines.iter().for_each(|line| backlog.push(format!("{line}\n").as_bytes()));
        backlog.flush(PATIENCE);
        let read: Vec<String> = BufReader::new(reader).lines().take(5).map(Result::unwrap).collect();
        assert_eq!(read, lines);
    }

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted_without_blocking() {
        let full = [b'f'; 64 * 1024];
        let (backlog, mut reader) = piped(&full);
        let line = [&[b'x'; 99][..], b"\n"].concat();
        (0..100).for_each(|_| backlog.push(&line));
        backlog.flush(Duration::ZERO);
        let kept = 100 - backlog.lock().dropped as usize;
        assert!((10..=20).contains(&kept), "{kept} in the backlog and the batch being written");
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
        let backlog = Backlog::start(Arc::clone(&destination), 1000).unwrap();
        backlog.push(b"one\ntwo\n");
        backlog.flush(PATIENCE);
        assert_eq!(backlog.lock().dropped, 2);
        let (mut reader, writer) = io::pipe().unwrap();
        *destination.lock().unwrap() = Arc::new(File::from(OwnedFd::from(writer)));
        backlog.push(b"three\n");
        backlog.flush(PATIENCE);
        assert_eq!(backlog.lock().dropped, 0, "reported");
        let mut read = [0; 6];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"three\n");
    }
}
