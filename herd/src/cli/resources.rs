//! Resources of the operating system: limits of the process, and random numbers.

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Disables core dumps, so that a crash cannot write the keys in this process's memory to disk.
pub(super) fn forbid_core_dumps() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .context("cannot disable core dumps, which would contain private keys")
}

/// Raises the soft limit of open files to the hard limit, and returns the limit that now applies.
pub(super) fn raise_open_files() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let most = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// A random number.
///
/// # Errors
/// The system does not provide one.
pub(super) fn random() -> anyhow::Result<u64> {
    getrandom::u64().context("cannot get a random number from the system")
}
