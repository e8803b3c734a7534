//! The copy of a guest's folder, in which its nodes run. The folder itself is never changed.

use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The largest folder that is copied, in bytes.
const LARGEST: u64 = 2 << 30;

/// A copy that is being made.
struct Copy<'a> {
    /// Folders that are not copied, without symbolic links.
    left_out: Vec<PathBuf>,
    /// The folder that is copied, for messages.
    whole: &'a Path,
    bytes: u64,
}

/// Copies a guest's folder to `work`, in the place of what was there. It leaves out `.git` and the
/// folders in `left_out`, which are those of reports. Symbolic links stay links, and files keep
/// their times and permissions.
///
/// # Errors
/// The folder is larger than 2 GiB, or a file cannot be read or written.
pub fn copy(folder: &Path, work: &Path, left_out: &[&Path]) -> Result<()> {
    clear(work).with_context(|| format!("cannot remove {}", work.display()))?;
    fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
    let left_out = left_out.iter().chain([&work]).filter_map(|path| fs::canonicalize(path).ok());
    Copy { left_out: left_out.collect(), whole: folder, bytes: 0 }.folder(&fs::canonicalize(folder)?, work)
}

impl Copy<'_> {
    fn folder(&mut self, from: &Path, to: &Path) -> Result<()> {
        for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if entry.file_name() == ".git" || self.left_out.contains(&from) {
                continue;
            }
            let cannot = || format!("cannot copy {}", from.display());
            if kind.is_symlink() {
                symlink(fs::read_link(&from)?, &to).with_context(cannot)?;
            } else if kind.is_dir() {
                fs::create_dir(&to).with_context(cannot)?;
                self.folder(&from, &to)?;
                // The suite must be able to remove the copy.
                let mode = entry.metadata()?.permissions().mode() | 0o700;
                fs::set_permissions(&to, Permissions::from_mode(mode)).with_context(cannot)?;
            } else if kind.is_file() {
                self.file(&from, &to).with_context(cannot)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path) -> Result<()> {
        let metadata = from.metadata()?;
        self.bytes += metadata.len();
        ensure!(
            self.bytes <= LARGEST,
            "{} holds more than {} GiB: move what the program does not need to another folder",
            self.whole.display(),
            LARGEST >> 30
        );
        fs::copy(from, to)?;
        // Build tools compare times. A file that its owner may not write keeps the time of the copy.
        if let Ok(copy) = File::options().write(true).open(to) {
            copy.set_times(FileTimes::new().set_modified(metadata.modified()?))?;
        }
        Ok(())
    }
}

/// Removes a folder, whatever permissions a guest has given to its parts.
///
/// # Errors
/// A part belongs to another user.
pub fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => {
            open_up(folder)?;
            fs::remove_dir_all(folder)
        }
        Ok(()) => Ok(()),
    }
}

fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fixtures::checkout::scratch;

    use super::*;

    #[test]
    fn a_copy_has_everything_but_the_history_and_reports() {
        let root = scratch("copy");
        let (folder, work) = (root.join("guest"), root.join("guest/out/work"));
        for name in ["a/b", ".git", "a/.git", "node_modules", "out/work/old", "reports"] {
            fs::create_dir_all(folder.join(name)).unwrap();
            fs::write(folder.join(name).join("file"), name).unwrap();
        }
        fs::set_permissions(folder.join("a/b/file"), Permissions::from_mode(0o755)).unwrap();
        symlink("a/b/file", folder.join("link")).unwrap();
        copy(&folder, &work, &[&folder.join("reports")]).unwrap();
        for (name, exists) in [
            ("a/b/file", true),
            ("node_modules/file", true),
            ("out", true),
            ("out/work", false),
            (".git", false),
            ("a/.git", false),
            ("reports", false),
            ("old", false),
        ] {
            assert_eq!(work.join(name).exists(), exists, "{name}");
        }
        assert_eq!(fs::read_link(work.join("link")).unwrap(), Path::new("a/b/file"));
        let [before, after] = [&folder, &work].map(|root| root.join("a/b/file").metadata().unwrap());
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        assert_eq!(after.permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_folder_that_is_too_large_is_refused() {
        let root = scratch("too-large");
        fs::create_dir_all(root.join("guest")).unwrap();
        // A file without blocks: it only says that it is large.
        File::create(root.join("guest/large")).unwrap().set_len(LARGEST + 1).unwrap();
        let error = format!("{:#}", copy(&root.join("guest"), &root.join("work"), &[]).unwrap_err());
        assert!(error.contains("holds more than 2 GiB"), "{error}");
    }

    #[test]
    fn a_folder_without_permissions_is_removed() {
        let root = scratch("clear").join("work");
        fs::create_dir_all(root.join("a/b")).unwrap();
        for folder in ["a/b", "a"] {
            fs::set_permissions(root.join(folder), Permissions::from_mode(0o0)).unwrap();
        }
        clear(&root).unwrap();
        assert!(!root.exists());
        clear(&root).unwrap();
    }
}
