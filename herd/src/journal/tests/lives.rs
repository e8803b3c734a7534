//! Restarts of nodes and machines, and the epochs that they begin.

use super::*;

#[test]
fn a_killed_node_comes_back_with_its_sequences_its_epoch_and_its_cursors() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    let (after, _, replayed) = start(&disk, 2);
    assert_eq!(known(&after), known(&before));
    assert_eq!((after.epoch(), cursor_of(&after)), (1000, HEARD));
    assert_eq!(after.table().sum(), before.table().sum());
    assert!(!replayed.is_torn() && !replayed.is_damaged && !replayed.closed);
}

#[test]
fn a_new_sequence_never_repeats_an_old_one() {
    let disk = MemoryDisk::default();
    written(&disk);
    let (mut node, mut journal, _) = start(&disk, 2);
    report(&mut node, "pear +1+1 1");
    journal.write(&mut node).unwrap();
    let (node, ..) = start(&disk, 3);
    assert_eq!(known(&node).last().map(|(sequence, _)| *sequence), Some(5));
}

#[test]
fn a_crash_of_the_machine_begins_a_new_epoch_unless_the_node_was_stopped_before() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    let (node, mut journal, _) = start_after_boot(&disk, 2, "boot-2");
    assert_eq!((node.epoch(), cursor_of(&node)), (2000, HEARD));
    assert_eq!(known(&node), known(&before));
    journal.close().unwrap();
    let (node, _, replayed) = start_after_boot(&disk, 3, "boot-3");
    assert!(replayed.closed);
    assert_eq!(node.epoch(), 2000);
}

#[test]
fn a_machine_that_stops_just_after_a_start_brings_no_older_end_back() {
    // The last lines on disk must not be those of the previous stop, which say that nothing is
    // missing.
    let disk = MemoryDisk::default();
    let (_, mut journal, _) = start(&disk, 1);
    journal.close().unwrap();
    let (mut node, mut journal, _) = start(&disk, 2);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    let told_in = node.epoch();
    disk.crash();
    let (node, ..) = start_after_boot(&disk, 3, "boot-2");
    assert!(node.table().is_empty());
    assert_ne!(node.epoch(), told_in);
}

#[test]
fn a_replayed_journal_is_synced_before_anything_new_is_written() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    start(&disk, 2);
    disk.crash();
    let (after, ..) = start_after_boot(&disk, 3, "boot-2");
    assert_eq!(known(&after), known(&before));
}

#[test]
fn each_start_begins_a_new_epoch_if_the_boot_has_no_id() {
    let disk = MemoryDisk::default();
    for life in 1..3 {
        let mut node = blank("Alford", "Parker", life);
        Journal::open(disk.clone(), &mut node, None, epochs(0)).map(drop).unwrap();
        assert_eq!(node.epoch(), life * 1000);
    }
}
