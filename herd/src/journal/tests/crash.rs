//! Crashes of the machine: everything that was synced survives, and no sequence is used twice in an
//! epoch.

use std::collections::BTreeMap;

use super::disk::Step::{Cut, Rename, Sync, SyncNames, Write};
use super::*;

/// What clients and neighbours have learned, and may rely on.
#[derive(Default)]
struct Learned {
    lines: Vec<String>,
    /// Lines by epoch and sequence.
    sequences: BTreeMap<(u64, u64), String>,
}

impl Learned {
    /// Notes the records of a node with `--durability always`, which may reveal them once they are
    /// synced.
    fn note(&mut self, node: &Node) {
        for (sequence, line) in known(node) {
            self.sequences.insert((node.epoch(), sequence), line.clone());
            self.lines.push(line);
        }
    }

    fn assert_is_known_to(&self, node: &Node, when: &str) {
        let after = known(node);
        for line in &self.lines {
            assert!(after.iter().any(|(_, known)| known == line), "{when}: {line} is lost");
        }
        for ((epoch, sequence), line) in &self.sequences {
            if *epoch == node.epoch() {
                assert!(after.contains(&(*sequence, line.clone())), "{when}: {sequence} is free again");
            }
        }
    }
}

/// Reports, writes, syncs and compacts as a node with `--durability always` does, until the disk
/// fails.
fn live(disk: &MemoryDisk, learned: &mut Learned) -> io::Result<()> {
    let (mut node, mut journal, _) = start(disk, 1);
    if let Some(reason) = journal.failure() {
        return Err(io::Error::other(reason.to_owned()));
    }
    for round in 0..3 {
        for client in 0..2 {
            report(&mut node, &format!("client-{round}-{client} +1+1 {round}"));
            journal.write(&mut node)?;
            journal.sync()?;
            learned.note(&node);
        }
        if round < 2 {
            compact(&mut journal, &mut node)?;
        }
    }
    Ok(())
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_others_have_learned() {
    for steps in 0.. {
        let (disk, mut learned) = (MemoryDisk::default(), Learned::default());
        disk.0.borrow_mut().steps = Some(steps);
        let is_over = live(&disk, &mut learned).is_ok();
        disk.0.borrow_mut().steps = None;
        disk.crash();
        let (node, _, replayed) = start_after_boot(&disk, 2, "boot-2");
        assert!(!replayed.is_damaged, "after {steps} steps: {:?}", replayed.damage);
        learned.assert_is_known_to(&node, &format!("after {steps} steps"));
        if is_over {
            assert!(steps > 20, "{steps}");
            return;
        }
    }
}

#[test]
fn a_process_that_is_killed_at_any_step_and_a_machine_that_stops_later_lose_nothing() {
    for steps in 0.. {
        let (disk, mut learned) = (MemoryDisk::default(), Learned::default());
        disk.0.borrow_mut().steps = Some(steps);
        let is_over = live(&disk, &mut learned).is_ok();
        disk.0.borrow_mut().steps = None;
        // The next process finds what the system had in memory, and reveals it as soon as it has
        // started.
        let (node, ..) = start(&disk, 2);
        learned.assert_is_known_to(&node, &format!("killed after {steps} steps"));
        learned.note(&node);
        disk.crash();
        let (node, ..) = start_after_boot(&disk, 3, "boot-2");
        learned.assert_is_known_to(&node, &format!("stopped after {steps} steps"));
        if is_over {
            return;
        }
    }
}

#[test]
fn what_a_failed_sync_dropped_is_written_again_to_another_file() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    disk.0.borrow_mut().fails_to_sync = true;
    let error = journal.sync().unwrap_err();
    journal.fail(&mut node, &error);
    disk.0.borrow_mut().fails_to_sync = false;
    assert_eq!(node.epoch(), 1001);
    // Nothing more is appended to the file that has a hole.
    report(&mut node, "plum +1+1 1");
    journal.write(&mut node).unwrap();
    assert!(journal.log().is_none());
    let mut learned = Learned::default();
    compact(&mut journal, &mut node).unwrap();
    learned.note(&node);
    disk.crash();
    let (after, _, replayed) = start_after_boot(&disk, 2, "boot-2");
    assert!(!replayed.is_damaged && !replayed.is_torn());
    learned.assert_is_known_to(&after, "after the sync failed");
}

#[test]
fn a_snapshot_that_could_not_be_synced_is_not_installed() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    disk.0.borrow_mut().fails_to_sync = true;
    assert!(compact(&mut journal, &mut node).is_err());
    disk.0.borrow_mut().fails_to_sync = false;
    // The journal works as before.
    assert_eq!((journal.failure(), node.epoch()), (None, 1000));
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    journal.sync().unwrap();
    disk.crash();
    assert_eq!(known(&start(&disk, 2).0), known(&node));
}

#[test]
fn a_snapshot_that_may_have_been_installed_while_the_disk_failed_begins_an_epoch() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    journal.fail(&mut node, &io::Error::other("the disk fails"));
    report(&mut node, "kiwi +1+1 1");
    disk.0.borrow_mut().fails_to_sync_names = true;
    assert!(compact(&mut journal, &mut node).is_err());
    // Later changes must not be sent under sequences of the epoch in that file.
    report(&mut node, "plum +1+1 1");
    let (told_in, sequence) = (node.epoch(), node.table().head());
    let (killed, ..) = start(&disk, 2);
    assert!(killed.epoch() != told_in || killed.table().head() >= sequence);
}

#[test]
fn everything_is_done_in_the_one_order_that_is_safe() {
    let disk = MemoryDisk::default();
    let done = |disk: &MemoryDisk| std::mem::take(&mut disk.0.borrow_mut().done);
    let (mut node, mut journal, _) = start(&disk, 1);
    assert_eq!(done(&disk), [Write, Write, Sync, Rename, SyncNames], "a first journal");
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    journal.sync().unwrap();
    assert_eq!(done(&disk), [Write, Sync], "an update");
    compact(&mut journal, &mut node).unwrap();
    assert_eq!(done(&disk), [Write, Write, Sync, Rename, SyncNames], "a compaction");
    journal.close().unwrap();
    assert_eq!(done(&disk), [Sync, Write, Sync], "a stop");
    let whole = disk.journal();
    start(&disk, 2);
    assert_eq!(done(&disk), [SyncNames, Write, Sync], "a start");
    let torn = MemoryDisk::holding(&whole[..whole.len() - 1]);
    start(&torn, 3);
    assert_eq!(done(&torn), [SyncNames, Cut, Write, Sync], "a start with a torn end");
}
