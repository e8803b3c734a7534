//! What a journal needs of a disk.

use std::io::{self, BufRead};

/// A file that is appended to.
pub trait Log {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// The disk fails. None of `bytes` counts, though some of them may be in the file.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits until everything appended is on disk.
    ///
    /// # Errors
    /// The disk fails. What has been appended since the last call may be lost.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts off everything after the first `length` bytes.
    ///
    /// # Errors
    /// The disk fails. The file is as it was.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// Where one journal is kept, and a draft of the next.
pub trait Disk {
    /// Its files.
    type Log: Log;

    /// Reads the journal, if there is one.
    ///
    /// # Errors
    /// The disk fails.
    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>>;

    /// Opens the journal for appending.
    ///
    /// # Errors
    /// There is no journal, or the disk fails.
    fn log(&mut self) -> io::Result<Self::Log>;

    /// An empty file beside the journal, the only one.
    ///
    /// # Errors
    /// The disk fails.
    fn draft(&mut self) -> io::Result<Self::Log>;

    /// Renames the draft, so that it takes the journal's place. The draft has been synced. A machine that stops before
    /// the names are [synced](Self::sync_names) may come back with either file.
    ///
    /// # Errors
    /// The disk fails. The journal is one of the two.
    fn install(&mut self) -> io::Result<()>;

    /// Waits until the names of the files are on disk.
    ///
    /// # Errors
    /// The disk fails. What was renamed since the last call may be undone.
    fn sync_names(&mut self) -> io::Result<()>;

    /// Keeps the present journal aside when it is replaced, for somebody to look at.
    ///
    /// # Errors
    /// The disk fails.
    fn keep_damaged(&mut self) -> io::Result<()>;
}
