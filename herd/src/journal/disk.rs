//! The storage that a journal uses, as traits.

use std::io::{self, BufRead};

/// A file that bytes are appended to.
pub trait Log {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// Fails if the disk does. None of `bytes` counts then, though some of them may be in the file.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits until everything appended is on disk.
    ///
    /// # Errors
    /// Fails if the disk does. Anything appended since the last successful call may be lost then.
    fn sync(&mut self) -> io::Result<()>;

    /// Truncates the file to its first `length` bytes.
    ///
    /// # Errors
    /// Fails if the disk does; the file is unchanged then.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// The place of one journal, and of a draft of the next.
pub trait Disk {
    /// The type of its files.
    type Log: Log;

    /// Opens the journal for reading; `None` if there is none.
    ///
    /// # Errors
    /// Fails if the disk does.
    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>>;

    /// Opens the journal for appending.
    ///
    /// # Errors
    /// Fails if there is no journal, or if the disk fails.
    fn log(&mut self) -> io::Result<Self::Log>;

    /// Creates an empty draft beside the journal, and replaces an earlier one.
    ///
    /// # Errors
    /// Fails if the disk does.
    fn draft(&mut self) -> io::Result<Self::Log>;

    /// Renames the draft, which has been synced, so that it replaces the journal. If the machine
    /// stops before [`sync_names`](Self::sync_names) has returned, either file may be there
    /// afterwards.
    ///
    /// # Errors
    /// Fails if the disk does. The journal is one of the two files then.
    fn install(&mut self) -> io::Result<()>;

    /// Waits until the names of the files are on disk.
    ///
    /// # Errors
    /// Fails if the disk does. Renames since the last successful call may be undone then.
    fn sync_names(&mut self) -> io::Result<()>;

    /// Gives the present journal a second name, so that it is kept for inspection when it is
    /// replaced.
    ///
    /// # Errors
    /// Fails if the disk does.
    fn keep_damaged(&mut self) -> io::Result<()>;
}
