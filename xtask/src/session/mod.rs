//! Scripted client sessions: what clients send to the nodes of a herd, and what the nodes answer.
//!
//! A session is a text file with one directive on each line; `fixtures/sessions/README.md`
//! describes the language. The player knows nodes by name and address only, and every step has a
//! deadline.

mod client_connection;
mod deadline;
mod parse;
pub mod places_stub;
mod play;
pub mod roles;
mod session_herd;
pub mod snapshots;
mod step;
mod transcript;

pub use parse::Session;
pub use play::{PATIENCE, Player, play};
pub use session_herd::SessionHerd;
pub use step::Step;
pub use transcript::{Difference, Transcript};

use std::fmt;

/// The reason why a session cannot be read or played, with its place.
#[derive(Debug)]
pub struct SessionError {
    /// The session file.
    pub file: String,
    /// The line number, from 1; 0 if the file itself cannot be read.
    pub line: usize,
    /// What was expected, and what came instead.
    pub message: String,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for SessionError {}
