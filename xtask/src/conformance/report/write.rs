//! Writes a report to a folder in every format.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Report, gradescope, html, junit};

/// Writes `report.json`, `report.html`, `junit.xml`, `results.json`, and `transcripts/<rule>.txt`
/// for each rule that has a transcript. Creates the folder.
///
/// A file is replaced as a whole, so a reader never sees half of one. A file that would stay the
/// same is left alone.
///
/// # Errors
/// A file cannot be written. Files before it are written.
pub fn write_all(report: &Report, folder: &Path) -> Result<()> {
    let transcripts = folder.join("transcripts");
    fs::create_dir_all(&transcripts).with_context(|| format!("cannot create {}", transcripts.display()))?;
    for rule in &report.rules {
        let path = transcripts.join(format!("{}.txt", rule.rule));
        if rule.transcript.is_empty() {
            remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        } else {
            write(&path, &rule.transcript)?;
        }
    }
    write(&folder.join("report.json"), &(serde_json::to_string_pretty(report)? + "\n"))?;
    write(&folder.join("results.json"), &gradescope::results(report)?)?;
    write(&folder.join("junit.xml"), &junit::document(report))?;
    write(&folder.join("report.html"), &html::document(report))
}

/// Replaces the file at `path`.
///
/// # Errors
/// The file, or the draft beside it, cannot be written.
pub(in crate::conformance) fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    let draft = draft(path);
    fs::write(&draft, text).with_context(cannot)?;
    fs::rename(&draft, path).with_context(cannot)
}

/// Returns the name of the file that is renamed to `path` when it is whole.
fn draft(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
