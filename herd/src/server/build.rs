//! The build of this program.

use serde::Serialize;

/// The version, commit, compiler and profile of a build.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Build {
    pub(super) version: &'static str,
    /// The commit, if the environment variable `BUILD_COMMIT` named it when the node was built.
    pub(super) commit: &'static str,
    /// The version of the compiler.
    pub(super) rustc: &'static str,
    /// `release`, or `debug` if the build is not optimized.
    pub(super) profile: &'static str,
}

impl Build {
    /// The build of the running program.
    pub(super) const THIS: Build = Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: match option_env!("BUILD_COMMIT") {
            Some(commit) => commit,
            None => "unknown",
        },
        rustc: env!("BUILD_RUSTC"),
        profile: env!("BUILD_PROFILE"),
    };
}
