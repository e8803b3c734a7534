//! What a node needs of its machine: a clock that is set, open files, and memory.

use std::fs;
use std::process::Command;

use herd::node::Limits;
use herd::server::available_memory;
use nix::sys::resource::{Resource, getrlimit};

use super::Finding;

/// About how many bytes of memory a client takes, as measured by `cargo xtask scale --backbone`.
const BYTES_OF_CLIENT: u64 = 100;

/// Where Linux says which memory it backs with huge pages.
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Whether a time service sets the clock.
pub(super) fn clock() -> Finding {
    let output = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
    let said = output.ok().filter(|output| output.status.success());
    of_clock(said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).as_deref())
}

fn of_clock(said: Option<&str>) -> Finding {
    match said {
        Some("yes") => Finding::ok("clock: set by a time service"),
        Some("no") => Finding::problem(
            "clock: no time service sets it, so nodes may disagree on which report is the latest",
            "run one, such as systemd-timesyncd or chrony",
        ),
        _ => Finding::warning(
            "clock: `timedatectl` does not say whether a time service sets it",
            "make sure that one does, such as chrony; in a container, on its host",
        ),
    }
}

/// Whether the process may open as many files as it may have connections.
pub(super) fn open_files(limits: &Limits) -> Finding {
    let needed = (limits.client_connections + limits.spare_files) as u64;
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, most)) => of_open_files(most, needed),
        Err(error) => Finding::warning(format!("open files: the limit cannot be read ({error})"), ""),
    }
}

fn of_open_files(most: u64, needed: u64) -> Finding {
    if most >= needed {
        return Finding::ok(format!("open files: {most}, and the limits need {needed}"));
    }
    Finding::warning(
        format!("open files: {most} here, and the limits need {needed}, so fewer clients can connect"),
        format!("set LimitNOFILE={needed} in the unit, or lower `client_connections`"),
    )
}

/// Whether as many clients as the limits allow fit into the memory.
pub(super) fn memory(limits: &Limits) -> Finding {
    match limits.memory_bytes.or_else(|| Some(available_memory()? / 4 * 3)) {
        Some(bound) => of_memory(bound, limits.distinct_clients as u64),
        None => Finding::warning("memory: its size cannot be read", "set `memory_bytes` in [limits]"),
    }
}

fn of_memory(bound: u64, clients: u64) -> Finding {
    let needed = clients.saturating_mul(BYTES_OF_CLIENT);
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let text = format!(
        "memory: {clients} clients take about {} MB, and the node may use {} MB",
        megabytes(needed),
        megabytes(bound)
    );
    match needed <= bound {
        true => Finding::ok(text),
        false => Finding::warning(
            text,
            "lower `distinct_clients`, or give the node more memory: it rejects new clients beyond that",
        ),
    }
}

/// Whether Linux backs memory with huge pages without being asked.
pub(super) fn huge_pages() -> Finding {
    of_huge_pages(&fs::read_to_string(HUGE_PAGES).unwrap_or_default())
}

fn of_huge_pages(setting: &str) -> Finding {
    if setting.contains("[always]") {
        return Finding::warning(
            "huge pages: used for all memory, so a node may take more memory than it needs",
            format!("run `echo madvise > {HUGE_PAGES}` at each boot"),
        );
    }
    Finding::ok("huge pages: only for programs that ask for them")
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_found() {
        use State::{Ok, Problem, Warning};
        for (finding, state) in [
            (of_clock(Some("yes")), Ok),
            (of_clock(Some("no")), Problem),
            (of_clock(None), Warning),
            (of_open_files(10_064, 10_064), Ok),
            (of_open_files(1024, 10_064), Warning),
            (of_memory(100_000_000, 1_000_000), Ok),
            (of_memory(99_000_000, 1_000_000), Warning),
            (of_memory(u64::MAX - 1, u64::MAX), Warning),
            (of_huge_pages("always [madvise] never"), Ok),
            (of_huge_pages("[always] madvise never"), Warning),
            (of_huge_pages(""), Ok),
        ] {
            assert_eq!(finding.state, state, "{finding:?}");
            assert_eq!(finding.advice.is_empty(), state == Ok, "{finding:?}");
        }
    }
}
