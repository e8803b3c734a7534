//! The lock by which a checkout has at most one herd.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cluster::workspace::run_dir;

/// How long a starting herd waits for the lock. A command that checks whether a herd is running
/// shares the lock for a moment.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// The lock that the one herd of this checkout holds.
#[derive(Debug)]
pub struct HerdLock {
    pub(super) folder: PathBuf,
    _lock: File,
}

impl HerdLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// A herd of this checkout is running. The message says how to stop it.
    pub fn take() -> Result<HerdLock> {
        let folder = run_dir();
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let lock = lock_file(&folder)?;
            if is_granted(lock.try_lock())? {
                return Ok(HerdLock { folder, _lock: lock });
            }
            if Instant::now() > deadline {
                bail!("a herd of this checkout is running: stop it with `cargo xtask herd-down`");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the folder of the files of the herd called `name`.
    ///
    /// # Errors
    /// The name is not a plain folder name, so the path would lead out of the herd's folder.
    pub fn folder_of(&self, name: &str) -> Result<PathBuf> {
        let mut parts = Path::new(name).components();
        let (Some(Component::Normal(only)), None) = (parts.next(), parts.next()) else {
            bail!("no folder can be called {name:?} as the herd is: choose a name without slashes or dots");
        };
        Ok(self.folder.join(only))
    }
}

/// Returns whether an attempt to take the lock succeeded; `false` if another process holds it.
pub(super) fn is_granted(tried: Result<(), TryLockError>) -> Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the herd's folder"),
    }
}

pub(super) fn lock_file(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    open.with_context(|| format!("cannot open {}", path.display()))
}
