//! The limits that the system enforces on nodes. They inherit them from the keeper.

use std::fs;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::utsname::uname;
use nix::unistd::Uid;

use super::process_table::tasks_of;
use super::protocol::Task;
use crate::conformance::sandbox::Mode;

/// The processes and threads that a herd may have. A node may use a thread for each of a thousand
/// connections.
const TASKS: u64 = 3000;

/// The files that a node may have open, if the system's limit is not lower.
const OPEN_FILES: u64 = 4096;

/// The first version of Linux in which each process namespace has its own largest process id.
const OWN_PROCESS_IDS: (u32, u32) = (6, 14);

/// Sets the limits of this process, and so those of nodes.
///
/// # Errors
/// The system does not allow it.
pub(super) fn set(task: &Task) -> Result<()> {
    lower(Resource::RLIMIT_CORE, 0).context("cannot forbid core files")?;
    lower(Resource::RLIMIT_FSIZE, task.limits.file).context("cannot limit the size of files")?;
    lower(Resource::RLIMIT_NOFILE, OPEN_FILES).context("cannot limit open files")?;
    // The system counts the tasks of a user, in a namespace only those in it.
    let others = match task.mode {
        Mode::Namespaces => 0,
        Mode::Container | Mode::Plain => tasks_of(task.user.unwrap_or(Uid::current().as_raw())),
    };
    lower(Resource::RLIMIT_NPROC, TASKS + others).context("cannot limit processes")?;
    // That limit does not hold for root of the machine. Process ids limit every user.
    if task.mode == Mode::Namespaces && version().is_some_and(|version| version >= OWN_PROCESS_IDS) {
        fs::write("/proc/sys/kernel/pid_max", TASKS.to_string()).context("cannot limit process ids")?;
    }
    Ok(())
}

fn lower(resource: Resource, most: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    let most = most.min(hard);
    setrlimit(resource, most, if resource == Resource::RLIMIT_NOFILE { hard } else { most })
}

/// The version of the kernel: its first two numbers.
fn version() -> Option<(u32, u32)> {
    let system = uname().ok()?;
    let mut numbers = system.release().to_str()?.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
