//! What may be lost with a region whose journals are deleted.

use super::*;

/// The beginning and the end of another fault, in microseconds.
type OtherFault = Option<(u64, u64)>;

/// Wipes node A some time after it has acknowledged an update that no node knows in the end.
/// Returns the number of updates that were excused, and of violations. `converged` are the time of
/// a check that all nodes knew earlier updates, and the time before which these were acknowledged.
fn lost(wiped: u64, other: OtherFault, converged: Option<(u64, u64)>) -> (usize, usize) {
    let mut history = right();
    history.setting.durability = Persistence::Everysec;
    history.setting.source = Source::Processes;
    ask(&mut history, 4, 0, "IAMAT plum +1+1 1", "AT A +0.500000000 plum +1+1 1");
    let begins = |fault: u64, kind: &str, nodes: Vec<usize>| EventKind::FaultBegins {
        fault,
        kind: kind.to_owned(),
        nodes,
        stops_answers: false,
    };
    if let Some((from, until)) = other {
        history.add(from, begins(8, "servers-kill", Vec::new()));
        history.add(until, EventKind::FaultEnds { fault: 8 });
    }
    if let Some((at, since)) = converged {
        history.add(at, EventKind::Converged { since });
    }
    history.add(wiped - 10, begins(9, "region-wipe", vec![0]));
    history.add(wiped, EventKind::Down { node: 0, keeps: Keeps::Nothing });
    history.add(wiped + 1, EventKind::Up { node: 0 });
    history.add(wiped + 2, EventKind::FaultEnds { fault: 9 });
    let verdict = check_history(&history);
    (verdict.excused, verdict.violations.iter().filter(|found| found.invariant == "I1").count())
}

#[test]
fn a_wiped_region_loses_what_it_has_just_acknowledged_and_nothing_older() {
    assert_eq!(lost(5_000, None, None), (1, 0));
    // The wipe itself is no reason why the update had not crossed before.
    assert_eq!(lost(5_000_000, None, None), (0, 2));
}

#[test]
fn a_fault_before_the_wipe_may_have_kept_an_update_from_crossing() {
    assert_eq!(lost(5_000_000, Some((4_500, 3_000_000)), None), (1, 0));
    // Unless a check has found it everywhere since then.
    assert_eq!(lost(5_000_000, Some((4_500, 3_000_000)), Some((4_000_000, 3_500_000))), (0, 2));
    assert_eq!(lost(5_000_000, Some((4_500, 3_000_000)), Some((4_000_000, 3_900))), (1, 0));
    assert_eq!(lost(50_000, None, Some((30_000, 20_000))), (0, 2));
}
