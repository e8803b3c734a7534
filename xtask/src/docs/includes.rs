//! The `{{#include FILE}}` lines of a page, in mdBook's notation; whole files only.

/// A line that stands for a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Include {
    /// The file, relative to the page.
    pub(super) path: String,
    /// The line, from 1.
    pub(super) line: usize,
}

/// The file that a line stands for.
pub(super) fn included(line: &str) -> Option<&str> {
    line.trim().strip_prefix("{{#include ")?.strip_suffix("}}").map(str::trim)
}

/// All such lines of a page.
pub(super) fn includes(text: &str) -> Vec<Include> {
    let lines = text.lines().enumerate();
    let include = |(index, line)| Some(Include { path: included(line)?.to_owned(), line: index + 1 });
    lines.filter_map(include).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_an_include_names_its_file() {
        let include = Include { path: "../a.session".to_owned(), line: 2 };
        assert_eq!(includes("text\n{{#include ../a.session}}\nsee {{#include b}}\n"), [include]);
    }
}
