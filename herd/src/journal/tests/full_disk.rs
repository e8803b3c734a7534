//! Disks that are full, or fail.

use super::*;

#[test]
fn a_full_disk_stops_nothing_and_the_journal_is_whole_again_when_there_is_room() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    disk.0.borrow_mut().room = Some(30);
    report(&mut node, "plum +1+1 1");
    assert_eq!(journal.write(&mut node).unwrap_err().kind(), ErrorKind::StorageFull);
    // Sequences that the file lacks belong to an epoch that it does not contain.
    assert_eq!(node.epoch(), 1001);
    report(&mut node, "fig +1+1 1");
    journal.write(&mut node).unwrap();
    assert!(journal.failure().is_some() && journal.wants_snapshot(node.table().all(), u64::MAX));
    assert!(journal.begin_snapshot("Alford").is_err());
    let (killed, ..) = start(&disk, 2);
    assert_eq!(known(&killed).len(), 1);

    disk.0.borrow_mut().room = None;
    compact(&mut journal, &mut node).unwrap();
    assert!(journal.failure().is_none());
    let (killed, ..) = start(&disk, 3);
    assert_eq!((known(&killed), killed.epoch()), (known(&node), 1001));
}

#[test]
fn a_draft_that_may_have_taken_the_journal_s_place_is_a_failure() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    disk.0.borrow_mut().fails_to_sync_names = true;
    assert!(compact(&mut journal, &mut node).is_err());
    // It is unknown which file is the journal now, so later changes must not rely on either.
    assert!(journal.failure().is_some());
    assert_eq!(node.epoch(), 1001);
    report(&mut node, "plum +1+1 1");
    disk.0.borrow_mut().fails_to_sync_names = false;
    compact(&mut journal, &mut node).unwrap();
    report(&mut node, "fig +1+1 1");
    journal.write(&mut node).unwrap();
    let (killed, ..) = start(&disk, 2);
    assert_eq!((known(&killed), killed.epoch()), (known(&node), 1001));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_a_failure_and_not_the_end() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    disk.0.borrow_mut().room = Some(0);
    let (node, journal, _) = start(&disk, 2);
    assert_eq!(journal.failure(), Some(&*io::Error::from(ErrorKind::StorageFull).to_string()));
    assert_eq!((known(&node), node.epoch()), (known(&before), 2001));
}
