//! The progress of a replay, for somebody who waits for it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a journal has been read. Another thread may look at it.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    length: AtomicU64,
}

impl Progress {
    /// Returns the number of bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Returns the percentage of the file that has been read; 0 until it is open.
    pub fn percent(&self) -> u64 {
        (100 * self.bytes()).checked_div(self.length.load(Ordering::Relaxed)).unwrap_or(0).min(100)
    }
}

/// A journal whose reads are counted.
#[derive(Debug)]
pub(super) struct Counted {
    file: File,
    progress: Arc<Progress>,
}

impl Counted {
    pub(super) fn new(file: File, progress: Arc<Progress>) -> io::Result<Counted> {
        progress.length.store(file.metadata()?.len(), Ordering::Relaxed);
        Ok(Counted { file, progress })
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(out)?;
        self.progress.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
