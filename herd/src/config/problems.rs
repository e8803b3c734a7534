//! The problems of a herd file, with their lines.

use std::fmt;

use toml::Spanned;

/// The problems of a herd file, in the order of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<Problem>);

/// One problem at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as given on the command line.
    pub file: String,
    /// The line, from 1; 0 for a problem of the whole file.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Collects problems, so that all of them can be fixed at once.
pub(super) struct Problems<'a> {
    pub(super) text: &'a str,
    file: &'a str,
    pub(super) found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn of(text: &'a str, file: &'a str) -> Problems<'a> {
        Problems { text, file, found: Vec::new() }
    }

    /// Returns an error with all problems in the order of the file, if there are any.
    pub(super) fn into_result(mut self) -> Result<(), ConfigError> {
        self.found.sort_by_key(|problem| problem.line);
        if self.found.is_empty() { Ok(()) } else { Err(ConfigError(self.found)) }
    }

    pub(super) fn add(&mut self, offset: Option<usize>, message: String) {
        let line = offset.map_or(0, |offset| self.line_of(offset));
        let problem = Problem { file: self.file.to_owned(), line, message };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    pub(super) fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count()
    }

    pub(super) fn at<T>(&mut self, place: &Spanned<T>, message: String) {
        self.add(Some(place.span().start), message);
    }
}
