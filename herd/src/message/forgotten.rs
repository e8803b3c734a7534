//! What a heartbeat says of forgotten reports.

use std::fmt;

/// What the speaker of a heartbeat has forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// The reports of this [window](super::At::window) and before; 0 if it has forgotten nothing.
    UpTo(u64),
    /// The same, but it has not dropped all of their records yet. So its records cannot be compared
    /// with those of others.
    Soon(u64),
    /// Nothing is said, as before version 7 of the link language. Such nodes forget nothing.
    Unsaid,
}

/// As it is written at the end of a heartbeat.
impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Forgotten::UpTo(window) => write!(f, " {window}"),
            Forgotten::Soon(window) => write!(f, " {window}-"),
            Forgotten::Unsaid => Ok(()),
        }
    }
}
