//! Small disks that a fault can fill.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// A tmpfs for each node, mounted in a subfolder with the node's name. Only this process and its
/// children see the mounts. The system removes them when the last of these processes ends.
#[derive(Debug)]
pub(crate) struct SmallDisks(PathBuf);

/// The size of a disk: more than a journal has before it is compacted.
const SIZE: &str = "size=256m";

/// The name of the file that fills a disk.
const FILLER: &str = "filler";

/// Returns whether this process may mount disks. If so, its later mounts are private.
pub(crate) fn can_be_mounted() -> bool {
    make_mounts_private().is_ok()
}

/// Hides the mounts that this process makes from now on from all processes but its children.
fn make_mounts_private() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("disk-full needs root, to mount a small disk for each node")?;
    let nowhere = None::<&str>;
    mount(nowhere, "/", nowhere, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nowhere)
        .context("cannot hide the small disks from other processes")
}

impl SmallDisks {
    /// Mounts disks in `folder`. It must be called before the threads and processes that use the
    /// disks are started.
    ///
    /// # Errors
    /// This process may not mount disks, for which it needs root.
    pub(crate) fn mount(folder: &Path, names: &[String]) -> Result<SmallDisks> {
        make_mounts_private()?;
        for name in names {
            let disk = folder.join(name);
            fs::create_dir_all(&disk).with_context(|| format!("cannot make {}", disk.display()))?;
            mount(Some("tmpfs"), &disk, Some("tmpfs"), MsFlags::empty(), Some(SIZE))
                .with_context(|| format!("cannot mount a disk at {}", disk.display()))?;
        }
        Ok(SmallDisks(folder.to_owned()))
    }

    /// Fills a node's disk to the last byte.
    ///
    /// # Errors
    /// The disk cannot be written for another reason than being full.
    pub(crate) fn fill(&self, name: &str) -> Result<()> {
        let filler = self.filler(name);
        let mut file = File::create(&filler).with_context(|| format!("cannot make {}", filler.display()))?;
        // Large blocks fill most of the disk quickly; single bytes fill the rest.
        for size in [1 << 20, 1] {
            let piece = vec![0; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => {
                        return Err(error).with_context(|| format!("cannot fill the disk of {name}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Frees the space that [`fill`](SmallDisks::fill) has used.
    ///
    /// # Errors
    /// The file that fills the disk cannot be removed.
    pub(crate) fn free(&self, name: &str) -> Result<()> {
        fs::remove_file(self.filler(name)).with_context(|| format!("cannot free the disk of {name}"))
    }

    fn filler(&self, name: &str) -> PathBuf {
        self.0.join(name).join(FILLER)
    }
}
