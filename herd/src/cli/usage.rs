//! The error of a wrong command line or herd file.

/// The command line or the herd file is wrong; nothing has been started. The exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);
