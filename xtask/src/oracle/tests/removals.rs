//! Histories in which clients are removed.

use super::*;

const GONE: &str = "REMOVED 1 kiwi";
const BACK: &str = "AT B +0.250000000 kiwi +2+2 0";

/// Adds an operation whose node knows of this number of removals of its client.
fn ask_after(history: &mut History, op: u64, node: usize, removals: u32, line: &str, answer: &str) {
    history.add(1_000 * op, EventKind::Invoke { op, node, line: line.to_owned() });
    history.add(1_000 * op, EventKind::Removals { op, removals });
    history.add(1_000 * op + 500, EventKind::Ok { op, answer: answer.to_owned() });
}

/// Sets the line that both nodes know in the end.
fn in_the_end(history: &mut History, line: &str) {
    for ending in &mut history.endings {
        ending.lines = vec![line.to_owned()];
    }
}

/// A client that is removed at A, is asked for at B, and reports at B again with an earlier time.
fn removed_and_back() -> History {
    let mut history = right();
    ask(&mut history, 4, 0, "REMOVE kiwi", GONE);
    ask_after(&mut history, 5, 1, 1, "WHATSAT kiwi 0 0", "? WHATSAT kiwi 0 0");
    ask_after(&mut history, 6, 1, 1, "IAMAT kiwi +2+2 0", BACK);
    ask_after(&mut history, 7, 0, 1, "WHATSAT kiwi 0 0", BACK);
    in_the_end(&mut history, &format!("AFTER 1 {BACK}"));
    history.endings[1].sent = 2;
    history
}

#[test]
fn a_removal_and_a_report_after_it_are_right() {
    let verdict = check_history(&removed_and_back());
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.acknowledged, verdict.excused), (3, 0));
    // The node that took the report did not know of the removal yet, so the removal wins.
    let mut history = right();
    ask(&mut history, 4, 0, "REMOVE kiwi", GONE);
    ask(&mut history, 5, 1, "IAMAT kiwi +2+2 9", "AT B +0.250000000 kiwi +2+2 9");
    in_the_end(&mut history, GONE);
    assert_eq!(violated(&history), [""; 0]);
    // No node knows the client.
    ask_after(&mut history, 6, 1, 1, "REMOVE kiwi", "? this node knows no such client");
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn a_removal_that_a_report_from_before_survives_is_lost() {
    let mut history = right();
    ask(&mut history, 4, 0, "REMOVE kiwi", GONE);
    assert_eq!(violated(&history), ["I1"]);
    let mut history = removed_and_back();
    in_the_end(&mut history, BACK);
    assert_eq!(violated(&history), ["I1"]);
}

#[test]
fn a_report_after_a_removal_is_not_excused_by_it() {
    let mut history = removed_and_back();
    history.events.retain(|event| event.at < 7_000);
    in_the_end(&mut history, GONE);
    assert_eq!(violated(&history), ["I1"]);
    // A second removal is an excuse.
    ask_after(&mut history, 8, 0, 1, "REMOVE kiwi", "REMOVED 2 kiwi");
    in_the_end(&mut history, "REMOVED 2 kiwi");
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn a_node_that_still_answers_with_a_removed_client_goes_backwards() {
    let mut history = right();
    ask(&mut history, 4, 0, "REMOVE kiwi", GONE);
    ask(&mut history, 5, 0, "WHATSAT kiwi 0 0", "AT A +0.500000000 kiwi +1+1 1");
    in_the_end(&mut history, GONE);
    assert_eq!(violated(&history), ["I5"]);
    let mut history = removed_and_back();
    ask(&mut history, 8, 0, "WHATSAT kiwi 0 0", "AT A +0.500000000 kiwi +1+1 1");
    assert_eq!(violated(&history), ["I3", "I5"]);
}

#[test]
fn removals_that_nobody_asked_for_and_lines_that_clients_must_not_see_are_phantoms() {
    let mut history = right();
    in_the_end(&mut history, GONE);
    assert_eq!(violated(&history), ["I4"]);
    let mut history = removed_and_back();
    in_the_end(&mut history, &format!("AFTER 2 {BACK}"));
    assert_eq!(violated(&history), ["I4"]);
    for (removals, line, answer) in [
        (1, "WHATSAT kiwi 0 0", format!("AFTER 1 {BACK}")),
        (1, "REMOVE kiwi", "REMOVED 1 kiwi".to_owned()),
        (1, "REMOVE kiwi", BACK.to_owned()),
        (1, "IAMAT kiwi +2+2 0", format!("AFTER 1 {BACK}")),
    ] {
        let mut history = removed_and_back();
        ask_after(&mut history, 8, 1, removals, line, &answer);
        assert!(violated(&history).contains(&"I4"), "{line}: {answer}");
    }
}

#[test]
fn the_end_of_the_last_node_that_knew_of_a_removal_excuses_its_loss() {
    let mut history = right();
    ask(&mut history, 4, 0, "REMOVE kiwi", GONE);
    history.add(5_000, EventKind::Down { node: 0, keeps: Keeps::Nothing });
    history.add(5_001, EventKind::Up { node: 0 });
    assert_eq!(violated(&history), ["I1"]);
    history.add(5_001, EventKind::LastCopyLost { node: 0, line: GONE.to_owned(), since: 4_000 });
    let verdict = check_history(&history);
    assert_eq!((verdict.violations.len(), verdict.excused), (0, 1));
}
