//! Bounds the size of the log's file: a full file is renamed, and a new one begun.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::open_log;

/// Returns the path to which a full log is renamed. It replaces the one that was full before.
pub fn former_log(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

/// Returns whether a log still has its name. A file whose name cannot be looked up counts as such.
pub(super) fn has_name(file: &File, path: &Path) -> bool {
    let id = |file: fs::Metadata| (file.dev(), file.ino());
    let named = fs::metadata(path).map(id);
    named.is_err() || named.ok() == file.metadata().map(id).ok()
}

/// Begins a new file when the log's file is full.
#[derive(Debug)]
pub(super) struct Rotation {
    path: PathBuf,
    /// The size, in bytes, of a file that is full.
    full_bytes: u64,
    /// The size at which a new file is begun: more than `full_bytes` after that has failed.
    next_bytes: u64,
}

impl Rotation {
    pub(super) fn new(path: &Path, full_bytes: u64) -> Rotation {
        // Of a symbolic link, the file that it names is renamed.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Rotation { path, full_bytes, next_bytes: full_bytes }
    }

    /// Begins a new file if the current one is full. If that fails, the current one stays in use,
    /// and grows by its bound before the next attempt.
    pub(super) fn rotate_if_full(&mut self, current: &Mutex<Arc<File>>) {
        let mut file = current.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(state) = file.metadata() else { return };
        if state.len() < self.full_bytes {
            self.next_bytes = self.full_bytes;
        }
        if !state.is_file() || state.len() < self.next_bytes {
            return;
        }
        match self.begin_file() {
            Ok(new) => {
                *file = Arc::new(new);
                self.next_bytes = self.full_bytes;
            }
            Err(error) => {
                self.next_bytes = state.len().saturating_add(self.full_bytes);
                drop(file);
                tracing::error!(%error, "cannot begin a new log file; the full one stays in use");
            }
        }
    }

    fn begin_file(&self) -> io::Result<File> {
        match fs::rename(&self.path, former_log(&self.path)) {
            // Somebody else has renamed it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        open_log(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_full_file_is_kept_beside_a_new_one_and_replaces_the_one_before() {
        let folder = std::env::temp_dir().join(format!("herd-rotation-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log");
        let current = Mutex::new(Arc::new(open_log(&path).unwrap()));
        let mut rotation = Rotation::new(&path, 10);
        let mut write = |text: &str| {
            (&**current.lock().unwrap()).write_all(text.as_bytes()).unwrap();
            rotation.rotate_if_full(&current);
        };
        let files = || [former_log(&path), path.clone()].map(|path| fs::read_to_string(path).ok());
        write("one\ntwo\n");
        assert_eq!(files(), [None, Some("one\ntwo\n".to_owned())]);
        write("three\n");
        assert_eq!(files(), ["one\ntwo\nthree\n", ""].map(|text| Some(text.to_owned())));
        write("four five six\n");
        assert_eq!(files(), ["four five six\n", ""].map(|text| Some(text.to_owned())));
        fs::remove_dir_all(&folder).unwrap();
        // Neither the log nor its folder is there: the open file stays in use.
        write("seven eight\n");
        fs::create_dir_all(&folder).unwrap();
        write("nine\n");
        assert_eq!(files(), [None, None]);
        write("ten eleven\n");
        assert_eq!(files(), [None, Some(String::new())]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
