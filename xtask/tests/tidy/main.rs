//! Rules of this repository that no compiler checks.

use std::path::{Path, PathBuf};

use fixtures::checkout::{self, root};

mod functions;
mod package;
mod prose;
mod rooms;
mod secrets;

/// Returns the files below `folder` of the checkout with one of these extensions.
fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    checkout::files(&root().join(folder), extensions).unwrap()
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
