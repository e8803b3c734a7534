//! Rules of this repository that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

use fixtures::checkout::root;

mod functions;
mod prose;
mod rooms;

/// The files below `folder` of the checkout with one of these endings, but for what is built.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Where something is, as editors take it.
fn place(file: &Path, line: usize) -> String {
    format!("{}:{}", file.strip_prefix(root()).unwrap_or(file).display(), line + 1)
}

/// Fails with all problems, one a line, and what to do about them.
fn assert_none(problems: &str, what_to_do: &str) {
    assert!(problems.is_empty(), "{what_to_do}:\n{problems}");
}

/// The lines of a Rust file before its tests, with their numbers from 0.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}
