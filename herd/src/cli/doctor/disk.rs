//! Whether a data folder can be used, has room, and is on a disk that is fast enough.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use herd::journal::{Copied, CopyError, copy};
use nix::sys::statvfs::statvfs;

use super::Finding;
use crate::cli::journal::journal_of;

/// The file that is written to try the disk.
const TRIAL: &str = "doctor";

/// How many times the disk is tried, and with how many bytes.
const TRIALS: usize = 5;
const BYTES: usize = 4096;

/// The median time of a sync above which `--durability always` makes clients wait.
const SLOW: Duration = Duration::from_millis(20);

/// The room that a node needs beside its journal, which it writes again when it compacts it: room
/// for a journal that has just been compacted to grow, by the default of `journal_bytes`.
const SPARE: u64 = 64 * 1024 * 1024;

/// Looks at a data folder and the journal in it.
pub(super) fn look(folder: &Path, node: &str) -> Vec<Finding> {
    let name = folder.display();
    // A node creates its folder. Its parent must be there then.
    let existing = folder.ancestors().find(|folder| folder.is_dir());
    let Some(existing) = existing else {
        return vec![Finding::problem(format!("data folder {name}: there is no such folder"), "create it")];
    };
    let times = match try_disk(existing) {
        Ok(times) => times,
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "run this as the user of the node, or give that user the folder"
                }
                _ => "make the disk writable, or choose another folder",
            };
            return vec![Finding::problem(format!("data folder {name}: cannot be written: {error}"), advice)];
        }
    };
    let journal = journal_of(folder);
    let length = fs::metadata(&journal).map_or(0, |file| file.len());
    let mut findings = vec![of_times(&times), room(existing, length)];
    if length > 0 {
        findings.push(of_journal(&journal, node));
    }
    findings
}

/// Writes and syncs a file a few times. Returns how long each sync took.
fn try_disk(folder: &Path) -> io::Result<Vec<Duration>> {
    let path = folder.join(format!("{TRIAL}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let mut times = Vec::new();
    let tried = (0..TRIALS).try_for_each(|_| {
        file.write_all(&[0; BYTES])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
        Ok(())
    });
    fs::remove_file(path)?;
    tried.map(|()| times)
}

fn of_times(times: &[Duration]) -> Finding {
    let mut times = times.to_vec();
    times.sort_unstable();
    let median = times[times.len() / 2];
    let text = format!("disk: a sync takes {:.1} ms", median.as_secs_f64() * 1e3);
    match median <= SLOW {
        true => Finding::ok(text),
        false => Finding::warning(text, "use a faster disk, or do without `--durability always`"),
    }
}

fn room(folder: &Path, journal: u64) -> Finding {
    match statvfs(folder) {
        Ok(disk) => of_room(disk.blocks_available() * disk.fragment_size(), journal),
        Err(error) => Finding::warning(format!("disk: its free space cannot be read ({error})"), ""),
    }
}

fn of_room(free: u64, journal: u64) -> Finding {
    let needed = journal + SPARE;
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let text =
        format!("disk: {} MB free, and the journal may need {} MB", megabytes(free), megabytes(needed));
    match free >= needed {
        true => Finding::ok(text),
        false => Finding::problem(text, "make room: with a full disk, the node serves from memory only"),
    }
}

/// Whether a journal is undamaged and belongs to the node.
fn of_journal(journal: &Path, node: &str) -> Finding {
    let name = journal.display();
    // The node may append to it meanwhile.
    let read = File::open(journal).map_err(CopyError::Disk).and_then(|file| {
        let length = file.metadata()?.len();
        copy(BufReader::new(file.take(length)), io::sink())
    });
    match read {
        Ok(Copied { node: owner, .. }) if owner != node => Finding::problem(
            format!("journal {name}: belongs to {owner}"),
            "give each node its own data folder",
        ),
        Ok(Copied { updates, .. }) => Finding::ok(format!("journal {name}: {updates} updates, undamaged")),
        Err(error) => Finding::problem(
            format!("journal {name}: {error}"),
            "see `herd journal verify`: a node that starts with it keeps the other lines, and fetches all records from its neighbours",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_slow_or_full_disk_is_found() {
        let times = [1, 30, 20, 2, 40].map(Duration::from_millis);
        assert_eq!(of_times(&times), Finding::ok("disk: a sync takes 20.0 ms"));
        assert_eq!(of_times(&times[1..]).state, State::Warning);
        assert_eq!(of_room(SPARE + 1000, 1000).state, State::Ok);
        assert_eq!(of_room(SPARE + 999, 1000).state, State::Problem);
    }
}
