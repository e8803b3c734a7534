//! What a node prints: the first megabytes go to files, the last lines stay in memory, and the rest
//! is counted. The pipe is always emptied, so no node waits for a reader.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What a file keeps of one stream. A node has two.
const KEPT: u64 = 8 << 20;

/// What stays in memory of the end of a stream.
const TAIL: usize = 8 << 10;

/// One stream of a node, over all its starts.
#[derive(Clone, Debug)]
pub(super) struct Output(Arc<Mutex<Stream>>);

#[derive(Debug)]
struct Stream {
    file: File,
    /// The bytes that the node printed.
    printed: u64,
    tail: VecDeque<u8>,
    /// The pipes that are still open.
    open: usize,
}

impl Output {
    pub(super) fn create(path: &Path) -> io::Result<Output> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let stream = Stream { file, printed: 0, tail: VecDeque::new(), open: 0 };
        Ok(Output(Arc::new(Mutex::new(stream))))
    }

    /// Reads a pipe to its end, in a thread.
    pub(super) fn drain(&self, mut pipe: PipeReader) -> io::Result<()> {
        self.lock().open += 1;
        let output = self.clone();
        let reader = thread::Builder::new().spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => output.lock().add(&buffer[..length]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            output.lock().open -= 1;
        });
        reader.map(drop).inspect_err(|_| self.lock().open -= 1)
    }

    /// Returns whether no pipe is open any more, so that nothing can come.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().open == 0
    }

    /// Returns the last lines.
    pub(super) fn tail(&self) -> String {
        let mut stream = self.lock();
        let dropped = stream.printed.saturating_sub(KEPT);
        let text = String::from_utf8_lossy(stream.tail.make_contiguous()).into_owned();
        if dropped > 0 {
            return format!("{text}\n[of {} bytes, the last {dropped} were not kept]\n", stream.printed);
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn add(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.printed).min(bytes.len() as u64) as usize;
        // A full disk costs the file, not the run.
        let _ = self.file.write_all(&bytes[..room]);
        self.printed += bytes.len() as u64;
        let end = &bytes[bytes.len().saturating_sub(TAIL)..];
        self.tail.extend(end);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }
}
