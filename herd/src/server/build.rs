//! What this node was built from.

use serde::Serialize;

/// A build.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Build {
    pub(super) version: &'static str,
    /// The commit, if the environment variable `BUILD_COMMIT` named it when the node was built.
    pub(super) commit: &'static str,
    /// The compiler.
    pub(super) rustc: &'static str,
}

impl Build {
    /// The build that runs.
    pub(super) const THIS: Build = Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: match option_env!("BUILD_COMMIT") {
            Some(commit) => commit,
            None => "unknown",
        },
        rustc: env!("BUILD_RUSTC"),
    };
}
