//! Compaction: what it keeps, and what a crash during it leaves.

use super::*;

#[test]
fn removals_and_later_reports_survive_restarts_and_compaction() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    for client in ["kiwi", "plum", "fig"] {
        report(&mut node, &format!("{client} +1+1 9"));
    }
    for client in ["kiwi", "plum"] {
        node.remove(ClientId::parse(client.as_bytes()).unwrap()).unwrap();
    }
    report(&mut node, "plum +2+2 1");
    journal.write(&mut node).unwrap();
    let (mut after, mut journal, replayed) = start(&disk, 2);
    assert!(!replayed.is_torn() && !replayed.is_damaged);
    assert_eq!(known(&after), known(&node));
    assert_eq!((after.table().sum(), after.table().len()), (node.table().sum(), 2));
    report(&mut after, "kiwi +3+3 1");
    journal.write(&mut after).unwrap();
    compact(&mut journal, &mut after).unwrap();
    let (again, ..) = start(&disk, 3);
    assert_eq!(known(&again), known(&after));
    assert_eq!(
        (again.table().sum(), again.table().len(), again.table().ever_removed()),
        (after.table().sum(), 3, 2)
    );
    assert!(
        known(&again).iter().any(|(_, line)| line.starts_with("AFTER 1 AT ") && line.contains(" kiwi +3"))
    );
}

#[test]
fn compaction_keeps_the_records_in_a_shorter_file() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    for stamp in 0..1000 {
        report(&mut node, &format!("client-{} +1+1 {stamp}", stamp % 10));
        journal.write(&mut node).unwrap();
    }
    node.restore_cursor("Parker", HEARD);
    journal.write(&mut node).unwrap();
    assert!(
        journal.wants_snapshot(node.table().all(), 1000)
            && !journal.wants_snapshot(node.table().all(), 1 << 20)
    );
    let long = disk.journal().len();
    let mut snapshot = journal.begin_snapshot("Alford").unwrap();
    assert!(!snapshot.collect(&node));
    // Changes made meanwhile go to the old journal, and to the new one at its end.
    report(&mut node, "client-3 +1+1 2000");
    report(&mut node, "late +1+1 1");
    journal.write(&mut node).unwrap();
    snapshot.append().unwrap();
    assert!(snapshot.finish(&node));
    snapshot.seal().unwrap();
    journal.install(snapshot).unwrap();
    assert!(disk.journal().len() * 20 < long, "{} of {long}", disk.journal().len());
    assert!(!journal.wants_snapshot(node.table().all(), 0));
    assert_eq!(journal.size().bytes, disk.journal().len() as u64);
    report(&mut node, "later +1+1 1");
    journal.write(&mut node).unwrap();
    let (after, _, replayed) = start(&disk, 2);
    assert!(!replayed.is_torn() && !replayed.is_damaged);
    assert_eq!((known(&after), after.epoch(), cursor_of(&after)), (known(&node), 1000, HEARD));
}

#[test]
fn a_crash_at_any_step_of_a_compaction_loses_nothing() {
    for steps in 0.. {
        let disk = MemoryDisk::default();
        let before = written(&disk);
        let (mut node, mut journal, _) = start(&disk, 2);
        disk.0.borrow_mut().steps = Some(steps);
        let finished = compact(&mut journal, &mut node).is_ok();
        if !finished {
            // The node continues as well as it can, and the machine stops later.
            report(&mut node, "fig +3-3 4");
            let _ = journal.write(&mut node);
        }
        disk.0.borrow_mut().steps = None;
        let (after, _, replayed) = start(&disk, 3);
        assert_eq!(known(&after), known(&before), "after {steps} steps");
        assert!(!replayed.is_torn() && !replayed.is_damaged);
        assert_eq!(cursor_of(&after), HEARD);
        if finished {
            assert!(steps > 4, "{steps}");
            return;
        }
    }
}
