//! The error of a command line that cannot be understood.

/// What was asked for cannot be understood: nothing has been started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);
