//! Scripted client sessions: what clients say to the nodes of a herd, and what comes back.
//!
//! A session is a text file, one directive a line; `fixtures/sessions/README.md` describes the language. The
//! player knows nodes by name and address only, and every step has a deadline.

mod connection;
mod deadline;
pub mod guests;
mod parse;
pub mod places_stub;
mod play;
pub mod roles;
pub mod snapshots;
mod transcript;

pub use parse::{Session, Step};
pub use play::{Herd, PATIENCE, play};
pub use transcript::{Difference, Transcript};

use std::fmt;

/// Why a session cannot be read or played, and where.
#[derive(Debug)]
pub struct SessionError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What was expected, and what there was instead.
    pub message: String,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for SessionError {}
