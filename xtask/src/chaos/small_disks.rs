//! Small disks that can be filled.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// A disk in memory for each node, in a folder called like it. Only this process and its children see them, and nothing
/// has to be cleared away when those end, however they do.
#[derive(Debug)]
pub(crate) struct Disks(PathBuf);

/// More than a journal takes before it is compacted.
const SIZE: &str = "size=256m";

/// What fills a disk.
const FILLER: &str = "filler";

/// Whether this process may make disks of its own.
pub(crate) fn can_be_made() -> bool {
    keep_to_ourselves().is_ok()
}

/// From here on, what this process mounts is nobody else's business.
fn keep_to_ourselves() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("disks of our own take root")?;
    let nowhere = None::<&str>;
    mount(nowhere, "/", nowhere, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nowhere)
        .context("cannot keep disks to ourselves")
}

impl Disks {
    /// Makes disks in `folder`. To be called before other threads or processes are started that are to see them.
    ///
    /// # Errors
    /// This process may not: it takes root. Nothing has been changed then.
    pub(crate) fn make(folder: &Path, names: &[String]) -> Result<Disks> {
        keep_to_ourselves()?;
        for name in names {
            let disk = folder.join(name);
            fs::create_dir_all(&disk).with_context(|| format!("cannot make {}", disk.display()))?;
            mount(Some("tmpfs"), &disk, Some("tmpfs"), MsFlags::empty(), Some(SIZE))
                .with_context(|| format!("cannot mount a disk at {}", disk.display()))?;
        }
        Ok(Disks(folder.to_owned()))
    }

    /// Fills a node's disk to the last byte.
    ///
    /// # Errors
    /// Its folder cannot be written, for another reason.
    pub(crate) fn fill(&self, name: &str) -> Result<()> {
        let filler = self.filler(name);
        let mut file = File::create(&filler).with_context(|| format!("cannot make {}", filler.display()))?;
        // Large pieces first, then what is left.
        for size in [1 << 20, 1] {
            let piece = vec![0; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("cannot fill a disk"),
                }
            }
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn make_room(&self, name: &str) -> Result<()> {
        fs::remove_file(self.filler(name)).context("cannot make room on a disk")
    }

    fn filler(&self, name: &str) -> PathBuf {
        self.0.join(name).join(FILLER)
    }
}
