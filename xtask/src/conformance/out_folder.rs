//! Folders of reports. The suite replaces and removes what is in them, so it must never take one
//! that holds somebody's files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The file that marks a folder as one of the suite.
const MARK: &str = ".conformance";

/// Makes a folder one of the suite, and returns its absolute path.
///
/// # Errors
/// The folder cannot be made, or it is not empty and the suite has not made it. Then nothing in it
/// has changed.
pub fn claim(folder: &Path) -> Result<PathBuf> {
    let cannot_use = || format!("cannot use {} as the folder of reports", folder.display());
    fs::create_dir_all(folder).with_context(cannot_use)?;
    let mark = folder.join(MARK);
    let is_free = mark.exists() || fs::read_dir(folder).with_context(cannot_use)?.next().is_none();
    ensure!(
        is_free,
        "{} is not empty, and not a folder of reports: choose another folder with --out",
        folder.display()
    );
    File::create(mark).with_context(cannot_use)?;
    fs::canonicalize(folder).with_context(cannot_use)
}
