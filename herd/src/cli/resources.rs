//! What the system gives this process.

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Keeps the keys in this process's memory off the disk, should it crash.
pub(super) fn forbid_core_dumps() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("cannot forbid core dumps, which would hold keys")
}

/// Raises the soft limit of open files to the hard one, and says what it is now.
pub(super) fn raise_open_files() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let most = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// A random number.
///
/// # Errors
/// The system has none.
pub(super) fn random() -> anyhow::Result<u64> {
    getrandom::u64().context("the system gives no random numbers")
}
