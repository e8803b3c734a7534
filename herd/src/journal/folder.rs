//! The disk of a real node: a data folder with the journal in it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, Log};
use super::progress::{Counted, Progress};

/// A node's data folder, which stays locked until this is dropped.
///
/// It contains `journal`, the draft of the next one in `journal.draft`, the last journal that was
/// found damaged in `journal.damaged`, and the `lock`.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    progress: Arc<Progress>,
    _lock: File,
}

/// A file in a data folder. Clones are the same file.
#[derive(Clone, Debug)]
pub struct LogFile {
    file: Arc<File>,
    /// The length of the part that counts, in bytes.
    length: u64,
}

const JOURNAL: &str = "journal";
const DRAFT: &str = "journal.draft";
const DAMAGED: &str = "journal.damaged";
const LOCK: &str = "lock";

/// The number of bytes to read at once.
const READ: usize = 256 * 1024;

impl Folder {
    /// Opens a data folder, and creates it if it is missing.
    ///
    /// # Errors
    /// Fails if another process uses the folder, or if the system denies access.
    pub fn open(path: &Path) -> io::Result<Folder> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = private().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path: path.to_owned(), progress: Arc::default(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(io::Error::other("another process uses it: give each node its own data folder"))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Shows in `progress` how much of the journal has been read.
    #[must_use]
    pub fn with_progress(self, progress: Arc<Progress>) -> Folder {
        Folder { progress, ..self }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Returns options for files that only their owner can read, because journals contain locations.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

impl Disk for Folder {
    type Log = LogFile;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        match File::open(self.file(JOURNAL)) {
            Ok(file) => {
                let counted = Counted::new(file, Arc::clone(&self.progress))?;
                Ok(Some(Box::new(BufReader::with_capacity(READ, counted))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn log(&mut self) -> io::Result<LogFile> {
        let file = private().append(true).open(self.file(JOURNAL))?;
        let length = file.metadata()?.len();
        Ok(LogFile { file: Arc::new(file), length })
    }

    fn draft(&mut self) -> io::Result<LogFile> {
        let path = self.file(DRAFT);
        // Not truncated: readers that have an earlier draft open would otherwise see the new one.
        let _ = fs::remove_file(&path);
        let file = private().create_new(true).append(true).open(path)?;
        Ok(LogFile { file: Arc::new(file), length: 0 })
    }

    fn install(&mut self) -> io::Result<()> {
        fs::rename(self.file(DRAFT), self.file(JOURNAL))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        let aside = self.file(DAMAGED);
        let _ = fs::remove_file(&aside);
        fs::hard_link(self.file(JOURNAL), aside)
    }
}

impl Log for LogFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = (&*self.file).write_all(bytes);
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            // A write to a full disk may leave half a line. If it cannot be cut off, replay finds
            // it torn.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        Ok(())
    }
}

/// Returns the id that the system gives to each boot of the machine, if it has one. Nothing that
/// was written is lost before the next boot.
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A special file whose sync fails, which proves that a sync was tried.
    const NOT_TO_BE_SYNCED: &str = "/dev/null";

    #[test]
    fn a_sync_reaches_the_system() {
        let file = OpenOptions::new().append(true).open(NOT_TO_BE_SYNCED).unwrap();
        let mut log = LogFile { file: Arc::new(file), length: 0 };
        assert!(log.append(b"text").is_ok());
        assert_eq!(log.sync().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_is_cut_off_is_gone_and_the_next_bytes_take_its_place() {
        let path = std::env::temp_dir().join(format!("herd-cut-{}", std::process::id()));
        let mut folder = Folder::open(&path).unwrap();
        let mut log = folder.draft().unwrap();
        folder.install().unwrap();
        log.append(b"whole\nhal").unwrap();
        log.cut(6).unwrap();
        log.append(b"next\n").unwrap();
        assert_eq!(fs::read(path.join(JOURNAL)).unwrap(), b"whole\nnext\n");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_journal_that_cannot_be_opened_is_not_taken_for_one_that_is_not_there() {
        let path = std::env::temp_dir().join(format!("herd-unopened-{}", std::process::id()));
        let mut folder = Folder::open(&path).unwrap();
        assert!(folder.read().unwrap().is_none());
        std::os::unix::fs::symlink(JOURNAL, path.join(JOURNAL)).unwrap();
        assert!(folder.read().is_err());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn progress_is_the_part_that_has_been_read() {
        let path = std::env::temp_dir().join(format!("herd-progress-{}", std::process::id()));
        let progress = Arc::new(Progress::default());
        let mut folder = Folder::open(&path).unwrap().with_progress(Arc::clone(&progress));
        fs::write(path.join(JOURNAL), vec![b'x'; 4 * READ]).unwrap();
        assert_eq!((progress.bytes(), progress.percent()), (0, 0));
        let mut file = folder.read().unwrap().unwrap();
        assert_eq!(file.fill_buf().unwrap().len(), READ);
        assert_eq!((progress.bytes(), progress.percent()), (READ as u64, 25));
        drop(file);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn the_boot_of_the_machine_has_an_id_of_one_word() {
        let id = boot_id().unwrap();
        assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{id}");
    }

    #[test]
    fn a_sync_of_names_reaches_the_system() {
        let lock = File::open(NOT_TO_BE_SYNCED).unwrap();
        let mut folder = Folder { path: PathBuf::from("/proc"), progress: Arc::default(), _lock: lock };
        assert_eq!(folder.sync_names().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
