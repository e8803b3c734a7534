//! The sources of a program that a guest file is written for.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders whose files a program's author has not written.
const SKIPPED: [&str; 9] =
    ["node_modules", "target", "venv", "env", "__pycache__", "vendor", "deps", "_build", "site-packages"];

/// The endings of files that may hold the names of nodes, their ports, or a key.
const ENDINGS: [&str; 14] =
    ["py", "js", "mjs", "cjs", "ts", "rs", "go", "ex", "exs", "json", "toml", "yaml", "yml", "cfg"];

/// Bounds on what is read: folders within folders, files, and the bytes of a file.
const MAX_DEPTH: usize = 4;
const MAX_FILES: usize = 500;
const MAX_BYTES: u64 = 256 * 1024;

/// One file of a program.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its path relative to the program's folder, with `/`.
    pub(super) path: String,
    /// Its text. Bytes that are not UTF-8 are replaced.
    pub(super) text: String,
}

impl Source {
    /// Returns the ending of the file's name.
    pub(super) fn ending(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// Returns whether the file lies in the program's folder itself.
    pub(super) fn is_at_top(&self) -> bool {
        !self.path.contains('/')
    }
}

/// Reads the sources below a folder, those at the top first, in the order of their names.
///
/// # Errors
/// The folder cannot be read. Folders and files below it that cannot be read are left out.
pub(super) fn read(folder: &Path) -> Result<Vec<Source>> {
    fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut sources = Vec::new();
    let mut level = vec![String::new()];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for prefix in level {
            read_level(folder, &prefix, &mut sources, &mut below);
        }
        level = below;
    }
    Ok(sources)
}

/// Reads the files of one folder, and adds its folders to `below`.
fn read_level(folder: &Path, prefix: &str, sources: &mut Vec<Source>, below: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder.join(prefix)) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
            below.push(format!("{prefix}{name}/"));
        }
        let is_source = kind.is_file() && is_source(&name) && sources.len() < MAX_FILES;
        if is_source && entry.metadata().is_ok_and(|metadata| metadata.len() <= MAX_BYTES) {
            let Ok(bytes) = fs::read(entry.path()) else { continue };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            sources.push(Source { path: format!("{prefix}{name}"), text });
        }
    }
}

fn is_source(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    ENDINGS.contains(&ending) && name != "package-lock.json"
}
