//! The prompt of a terminal, which completes verbs and remembers what was typed until it ends.

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::SayError;

/// The verbs, with the operands that follow them.
const VERBS: [(&str, [&str; 3]); 2] = [
    ("IAMAT", ["<client-id>", "<latitude><longitude>", "<time>"]),
    ("WHATSAT", ["<client-id>", "<radius>", "<bound>"]),
];

/// A prompt on the terminal.
pub(super) struct Prompt(Editor<Verbs, MemHistory>);

impl Prompt {
    /// Opens the terminal.
    ///
    /// # Errors
    /// It cannot be used.
    pub(super) fn open() -> Result<Prompt, SayError> {
        let config = Config::builder().auto_add_history(true).build();
        let mut editor = Editor::with_history(config, MemHistory::new()).map_err(unusable)?;
        editor.set_helper(Some(Verbs));
        Ok(Prompt(editor))
    }

    /// Reads a line without its line end; `None` at the end of the input. Ctrl-C drops the line
    /// that was begun.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(super) fn read_line(&mut self) -> Result<Option<String>, SayError> {
        loop {
            match self.0.readline("> ") {
                Ok(line) => return Ok(Some(line)),
                Err(ReadlineError::Eof) => return Ok(None),
                Err(ReadlineError::Interrupted) => {}
                Err(error) => return Err(unusable(error)),
            }
        }
    }
}

fn unusable(error: ReadlineError) -> SayError {
    SayError::Input(std::io::Error::other(error))
}

/// Completes verbs, and shows the operands that are missing.
struct Verbs;

impl Helper for Verbs {}
impl Highlighter for Verbs {}
impl Validator for Verbs {}

impl Completer for Verbs {
    type Candidate = String;

    fn complete(&self, line: &str, end: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, completions(&line[..end])))
    }
}

impl Hinter for Verbs {
    type Hint = String;

    fn hint(&self, line: &str, end: usize, _: &Context<'_>) -> Option<String> {
        if end < line.len() { None } else { missing(line) }
    }
}

/// Returns the verbs that begin like a text, whose letters may be small, each with a space.
fn completions(text: &str) -> Vec<String> {
    let begun = text.to_ascii_uppercase();
    let verbs = VERBS.iter().filter(|(verb, _)| verb.starts_with(&begun));
    verbs.map(|(verb, _)| format!("{verb} ")).collect()
}

/// Returns the operands that a line lacks, if it has a whole verb, and a space behind its last
/// field.
fn missing(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.strip_suffix(' ')?.split_ascii_whitespace().collect();
    let (verb, given) = fields.split_first()?;
    let (_, operands) = VERBS.iter().find(|(name, _)| name == verb)?;
    let left = operands.get(given.len()..)?.join(" ");
    (!left.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_completed_in_capitals_and_only_at_the_start() {
        assert_eq!(completions("ia"), ["IAMAT "]);
        assert_eq!(completions("WHATS"), ["WHATSAT "]);
        assert_eq!(completions(""), ["IAMAT ", "WHATSAT "]);
        for other in ["x", "IAMAT ", "IAMAT kiwi ia"] {
            assert_eq!(completions(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn the_operands_that_are_missing_are_shown_behind_a_space() {
        assert_eq!(missing("WHATSAT ").unwrap(), "<client-id> <radius> <bound>");
        assert_eq!(missing("IAMAT  kiwi ").unwrap(), "<latitude><longitude> <time>");
        for other in ["", " ", "WHATSAT", "whatsat ", "WHATSAT kiwi 1 1 ", "WHATSAT kiwi 1 1 1 ", "x "] {
            assert_eq!(missing(other), None, "{other}");
        }
    }
}
