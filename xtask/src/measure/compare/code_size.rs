//! Counts lines of code: without blank lines, comments and tests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Counts the lines of Rust, Python and JavaScript in some files and folders. Tests do not count.
///
/// # Errors
/// A file or a folder cannot be read.
pub(super) fn lines_of_code(places: &[PathBuf]) -> Result<usize> {
    let mut lines = 0;
    for place in places.iter().filter(|place| !is_test(place)) {
        let cannot_read = || format!("cannot read {}", place.display());
        if place.is_dir() {
            let inside = fs::read_dir(place).with_context(cannot_read)?;
            let inside: Vec<PathBuf> = inside.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
            lines += lines_of_code(&inside)?;
            continue;
        }
        let count = match place.extension().and_then(|ending| ending.to_str()) {
            Some("rs") => rust,
            Some("py") => python,
            Some("js") => javascript,
            _ => continue,
        };
        lines += count(&fs::read_to_string(place).with_context(cannot_read)?);
    }
    Ok(lines)
}

fn is_test(place: &Path) -> bool {
    place.file_stem().is_some_and(|name| name == "tests")
}

/// The lines up to the module of tests, which ends its file.
fn rust(text: &str) -> usize {
    let code = text.split_once("\n#[cfg(test)]\nmod tests {").map_or(text, |(code, _)| code);
    not_comments(code, "//")
}

fn javascript(text: &str) -> usize {
    not_comments(text, "//")
}

/// The lines outside of docstrings, which begin their lines. Other strings of several lines count.
fn python(text: &str) -> usize {
    const MARK: &str = "\"\"\"";
    // Whether the string that a line is inside of is a docstring.
    let mut open = None;
    let code = text.lines().filter(|line| {
        let line = line.trim();
        let is_docstring = open.unwrap_or(line.starts_with(MARK));
        if line.matches(MARK).count() % 2 == 1 {
            open = if open.is_none() { Some(is_docstring) } else { None };
        }
        !is_docstring
    });
    not_comments(&code.collect::<Vec<_>>().join("\n"), "#")
}

/// The lines that neither are blank nor begin with the mark of a comment.
fn not_comments(text: &str, comment: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(comment)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_code_count() {
        let rust_text = "//! A module.\n\nuse a; // why\n/// A function.\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    x\n}\n";
        assert_eq!(rust(rust_text), 2);
        let python_text = "\"\"\"A module\n\nof two paragraphs.\"\"\"\n\n# why\ndef f():\n    \"\"\"One line.\"\"\"\n    return b\"\"\"{\n}\n\"\"\"\n\nx = 1\n";
        assert_eq!(python(python_text), 5);
        assert_eq!(javascript("'use strict';\n\n// why\nlet a;\n"), 2);
    }

    #[test]
    fn tests_and_files_in_other_languages_do_not_count() {
        let folder = fixtures::checkout::scratch("code-size");
        fs::create_dir_all(folder.join("part/tests")).unwrap();
        for file in ["a.rs", "part/b.rs", "part/tests.rs", "part/tests/c.rs", "part/d.toml"] {
            fs::write(folder.join(file), "fn f() {}\n").unwrap();
        }
        assert_eq!(lines_of_code(&[folder.join("a.rs"), folder.join("part")]).unwrap(), 2);
    }
}
