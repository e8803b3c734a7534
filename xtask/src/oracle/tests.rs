//! Small histories: correct ones, and ones with a single mistake that exactly one invariant finds.

mod leaps;
mod removals;
mod trees;
mod wiped;

use super::*;

/// A correct history: two linked nodes, and one update that is reported at A and read at both.
fn right() -> History {
    let at = "AT A +0.500000000 kiwi +1+1 1".to_owned();
    let setting = Setting {
        nodes: vec!["A".to_owned(), "B".to_owned()],
        edges: 1,
        entries: 0,
        durability: Persistence::Everysec,
        source: Source::Simulation,
        patience: 1_000,
        memory: 100,
        divided: false,
        calm: None,
        leap: None,
        command: String::new(),
    };
    let mut history = History::new(setting);
    ask(&mut history, 1, 0, "IAMAT kiwi +1+1 1", &at);
    ask(&mut history, 2, 0, "WHATSAT kiwi 0 0", &at);
    ask(&mut history, 3, 1, "WHATSAT kiwi 0 0", &at);
    history.endings = vec![
        Ending { lines: vec![at.clone()], sent: 1, memory: 100, ..Ending::default() },
        Ending { lines: vec![at], memory: 100, ..Ending::default() },
    ];
    history
}

/// Adds an operation that lasts from `op` to `op` + 0.5 milliseconds.
fn ask(history: &mut History, op: u64, node: usize, line: &str, answer: &str) {
    history.add(1_000 * op, EventKind::Invoke { op, node, line: line.to_owned() });
    history.add(1_000 * op + 500, EventKind::Ok { op, answer: answer.to_owned() });
}

fn fault(history: &mut History, nodes: Vec<usize>, from: u64, until: u64) {
    let kind = "cut".to_owned();
    history.add(from, EventKind::FaultBegins { fault: from, kind, nodes, stops_answers: false });
    history.add(until, EventKind::FaultEnds { fault: from });
}

/// The numbers of the invariants that a history violates.
fn violated(history: &History) -> Vec<&'static str> {
    let mut found: Vec<&str> =
        check_history(history).violations.iter().map(|violation| violation.invariant).collect();
    found.dedup();
    found
}

#[test]
fn a_right_history_is_right() {
    let verdict = check_history(&right());
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.acknowledged, verdict.excused), (1, 0));
}

#[test]
fn an_acknowledged_update_that_a_node_lacks_is_lost() {
    let mut history = right();
    ask(&mut history, 4, 0, "IAMAT plum +1+1 1", "AT A +0.500000000 plum +1+1 1");
    assert_eq!(violated(&history), ["I1"]);
    // A later update of the same client is a substitute; an older one is not.
    let mut history = right();
    ask(&mut history, 4, 0, "IAMAT kiwi +2+2 2", "AT A +0.500000000 kiwi +2+2 2");
    assert_eq!(violated(&history), ["I1"]);
    let mut history = right();
    ask(&mut history, 4, 0, "IAMAT kiwi +0+0 0", "AT A +1.500000000 kiwi +0+0 0");
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn an_update_that_a_restart_would_forget_is_lost() {
    let mut history = right();
    history.endings[1].not_on_disk = history.endings[1].lines.clone();
    assert_eq!(violated(&history), ["I1"]);
}

#[test]
fn an_update_whose_node_lost_its_memory_at_once_is_excused_and_one_on_disk_is_not() {
    let lost = |durability, keeps, at| {
        let mut history = right();
        history.setting.durability = durability;
        history.setting.source = Source::Processes;
        ask(&mut history, 4, 0, "IAMAT plum +1+1 1", "AT A +0.500000000 plum +1+1 1");
        history.add(at, EventKind::Down { node: 0, keeps });
        history.add(at + 1, EventKind::Up { node: 0 });
        let verdict = check_history(&history);
        (verdict.excused, verdict.violations.len())
    };
    assert_eq!(lost(Persistence::Memory, Keeps::Disk, 5_000), (1, 0));
    assert_eq!(lost(Persistence::Everysec, Keeps::Nothing, 5_000), (1, 0));
    assert_eq!(lost(Persistence::Everysec, Keeps::Synced, 5_000), (1, 0));
    // Lost at both nodes.
    assert_eq!(lost(Persistence::Everysec, Keeps::Disk, 5_000), (0, 2));
    assert_eq!(lost(Persistence::Everysec, Keeps::Synced, 5_000_000), (0, 2));
    assert_eq!(lost(Persistence::Always, Keeps::Synced, 5_000), (0, 2));
    // The node ended while its answer was in transit, and before the report was sent.
    assert_eq!(lost(Persistence::Memory, Keeps::Disk, 4_200), (1, 0));
    assert_eq!(lost(Persistence::Memory, Keeps::Disk, 3_900), (0, 2));
    // The node had enough time to pass the update on.
    assert_eq!(lost(Persistence::Memory, Keeps::Disk, 5_000_000), (0, 2));
}

#[test]
fn a_node_that_ended_while_its_answer_was_under_way_need_not_know_what_it_acknowledged() {
    let answered_with_nothing = |ended: u64| {
        let mut history = right();
        history.setting.durability = Persistence::Memory;
        // No client has read the update at A.
        history.events.retain(|event| !(2_000..3_000).contains(&event.at));
        history.add(ended, EventKind::Down { node: 0, keeps: Keeps::Disk });
        history.add(ended + 1, EventKind::Up { node: 0 });
        ask(&mut history, 4, 0, "WHATSAT kiwi 0 0", "? WHATSAT kiwi 0 0");
        violated(&history)
    };
    assert_eq!(answered_with_nothing(1_200), [""; 0]);
    assert_eq!(answered_with_nothing(900), ["I5"]);
}

#[test]
fn in_a_simulation_only_the_loss_of_the_last_copy_is_an_excuse() {
    let plum = "AT A +0.500000000 plum +1+1 1";
    let lost = |keeps, copy: Option<&str>| {
        let mut history = right();
        ask(&mut history, 4, 0, "IAMAT plum +1+1 1", plum);
        history.add(5_000, EventKind::Down { node: 0, keeps });
        history.add(5_001, EventKind::Up { node: 0 });
        let line = copy.map(str::to_owned);
        line.into_iter().for_each(|line| {
            history.add(5_001, EventKind::LastCopyLost { node: 0, line, since: 4_000 });
        });
        check_history(&history).excused
    };
    assert_eq!(lost(Keeps::Nothing, Some(plum)), 1);
    assert_eq!(lost(Keeps::Nothing, Some("AT B +0.500000000 plum +2+2 2")), 1);
    assert_eq!(lost(Keeps::Nothing, None), 0);
    assert_eq!(lost(Keeps::Nothing, Some("AT B +0.500000000 plum +2+2 0")), 0);
    assert_eq!(lost(Keeps::Nothing, Some("AT A +0.500000000 fig +1+1 1")), 0);
    assert_eq!(lost(Keeps::Disk, Some(plum)), 0);
}

#[test]
fn nodes_that_differ_in_the_end_or_had_diverged_are_found() {
    let mut history = right();
    // The report was not acknowledged, and only one node knows it.
    history.add(9_000, EventKind::Invoke { op: 9, node: 1, line: "IAMAT fig +1+1 1".to_owned() });
    history.add(9_001, EventKind::Down { node: 1, keeps: Keeps::Disk });
    history.add(9_002, EventKind::Up { node: 1 });
    history.endings[1].lines.insert(0, "AT B +7.000000000 fig +1+1 1".to_owned());
    assert_eq!(violated(&history), ["I2"]);
    let mut history = right();
    fault(&mut history, vec![0, 1], 5_000, 6_000);
    history.add(7_000, EventKind::LinkDown { node: 0, neighbour: 1, reason: "diverged".to_owned() });
    assert_eq!(violated(&history), ["I2"]);
}

#[test]
fn a_node_that_answers_with_an_older_record_than_before_goes_backwards() {
    let older = "AT A +1.500000000 kiwi +0+0 0";
    let mut history = right();
    ask(&mut history, 4, 0, "IAMAT kiwi +0+0 0", older);
    ask(&mut history, 5, 1, "WHATSAT kiwi 0 0", older);
    assert_eq!(violated(&history), ["I3"]);
    // No record counts as older than any record.
    let mut history = right();
    ask(&mut history, 5, 1, "WHATSAT kiwi 0 0", "? WHATSAT kiwi 0 0");
    assert_eq!(violated(&history), ["I3"]);
    // This is allowed if the node was allowed to forget.
    history.events.insert(6, Event { at: 4_000, kind: EventKind::Down { node: 1, keeps: Keeps::Nothing } });
    history.events.insert(7, Event { at: 4_001, kind: EventKind::Up { node: 1 } });
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn what_nobody_sent_is_a_phantom() {
    for phantom in [
        "AT A +0.500000000 kiwi +1+2 1",
        "AT B +0.500000000 kiwi +1+1 1",
        "AT A +0.600000000 kiwi +1+1 1",
        "AT A +0.500000000 kiwi +1+1 1.0",
    ] {
        let mut history = right();
        for ending in &mut history.endings {
            ending.lines = vec![phantom.to_owned()];
        }
        assert!(violated(&history).contains(&"I4"), "{phantom}");
    }
    let mut history = right();
    ask(&mut history, 4, 1, "WHATSAT plum 0 0", "AT A +0.500000000 plum +1+1 1");
    assert_eq!(violated(&history), ["I4"]);
    let mut history = right();
    ask(&mut history, 4, 1, "IAMAT kiwi +1+1 1", "AT A +0.500000000 kiwi +1+1 1");
    assert_eq!(violated(&history), ["I4"]);
}

#[test]
fn with_shards_a_question_that_nobody_answers_is_no_evidence_but_an_older_answer_is() {
    let mut history = right();
    history.setting.divided = true;
    ask(&mut history, 5, 0, "WHATSAT kiwi 0 0", "? WHATSAT kiwi 0 0");
    assert_eq!(violated(&history), [""; 0]);
    let older = "AT A +1.500000000 kiwi +0+0 0";
    ask(&mut history, 6, 0, "IAMAT kiwi +0+0 0", older);
    ask(&mut history, 7, 0, "WHATSAT kiwi 0 0", older);
    assert_eq!(violated(&history), ["I3", "I5"]);
}

#[test]
fn a_client_that_does_not_read_its_own_update_is_found() {
    let mut history = right();
    // No other answer shows the update: only the acknowledgement contradicts the last answer.
    history
        .events
        .retain(|event| !matches!(event.kind, EventKind::Invoke { op: 2, .. } | EventKind::Ok { op: 2, .. }));
    ask(&mut history, 5, 0, "WHATSAT kiwi 0 0", "? WHATSAT kiwi 0 0");
    assert_eq!(violated(&history), ["I5"]);
}

#[test]
fn a_flood_that_does_not_end_is_found() {
    let mut history = right();
    history.endings[1].sent_at_rest = 1;
    assert_eq!(violated(&history), ["I6"]);
}

#[test]
fn too_many_lines_without_a_fault_are_found() {
    let mut history = right();
    history.endings[1].sent = 1;
    assert_eq!(violated(&history), ["I7"]);
    fault(&mut history, vec![0, 1], 5_000, 6_000);
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn a_client_of_a_live_node_that_is_not_answered_is_found() {
    let unanswered = |history: &mut History| {
        history.add(9_000, EventKind::Invoke { op: 9, node: 1, line: "WHATSAT kiwi 0 0".to_owned() });
        history.add(20_000, EventKind::Info { op: 9 });
    };
    let mut history = right();
    unanswered(&mut history);
    assert_eq!(violated(&history), ["I8"]);
    history.add(9_500, EventKind::Down { node: 1, keeps: Keeps::Disk });
    assert_eq!(violated(&history), [""; 0]);
    let mut history = right();
    fault(&mut history, vec![0, 1], 5_000, 15_000);
    unanswered(&mut history);
    assert_eq!(violated(&history), ["I8"]);
    let mut late = right();
    let answer = "AT A +0.500000000 kiwi +1+1 1".to_owned();
    late.add(9_000, EventKind::Invoke { op: 9, node: 1, line: "WHATSAT kiwi 0 0".to_owned() });
    late.add(20_000, EventKind::Ok { op: 9, answer });
    assert_eq!(violated(&late), ["I8"]);
}

#[test]
fn a_link_that_is_dropped_without_a_fault_is_found() {
    let mut history = right();
    history.add(9_000, EventKind::LinkDown { node: 0, neighbour: 1, reason: "silent".to_owned() });
    assert_eq!(violated(&history), ["I9"]);
    fault(&mut history, vec![1], 5_000, 6_000);
    assert_eq!(violated(&history), [""; 0]);
    // A fault that ended long before is not a reason, and neither is a fault of another link.
    for (nodes, until) in [(vec![0, 1], 6_000), (vec![1, 2], 4_000_000)] {
        let mut history = right();
        fault(&mut history, nodes, 5_000, until);
        history.add(4_000_000, EventKind::LinkDown { node: 0, neighbour: 1, reason: "silent".to_owned() });
        assert_eq!(violated(&history), ["I9"]);
    }
}

#[test]
fn too_much_memory_and_panics_are_found() {
    let mut history = right();
    history.endings[0].memory = 101;
    assert_eq!(violated(&history), ["I10"]);
    let mut history = right();
    history.add(9_000, EventKind::Panic { node: 0, message: "oh".to_owned() });
    assert_eq!(violated(&history), ["I11"]);
}

#[test]
fn a_sequence_that_is_used_twice_is_found() {
    let mut history = right();
    let [was, is] = ["AT A +0.500000000 kiwi +1+1 1", "AT A +0.500000000 kiwi +2+2 2"].map(str::to_owned);
    history.add(9_000, EventKind::SequenceReused { node: 0, sequence: 1, was, is });
    assert_eq!(violated(&history), ["I12"]);
}

#[test]
fn a_history_is_read_as_it_was_written() {
    let mut history = right();
    fault(&mut history, vec![1], 5_000, 6_000);
    history.add(9_000, EventKind::Down { node: 0, keeps: Keeps::Synced });
    let path = std::env::temp_dir().join(format!("history-{}.jsonl", std::process::id()));
    history.write(&path).unwrap();
    assert_eq!(History::read(&path).unwrap(), history);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.lines().take(3).collect::<Vec<_>>().join("\n")).unwrap();
    assert!(format!("{:#}", History::read(&path).unwrap_err()).contains("0 endings of 2 nodes"));
    std::fs::write(&path, "{}\n").unwrap();
    assert!(format!("{:#}", History::read(&path).unwrap_err()).contains(":1: expected a setting"));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_node_that_asks_again_and_again_for_what_was_left_out_has_no_tree() {
    let asked = |times: u64| {
        let mut history = right();
        (0..times).for_each(|at| history.add(4_000 + at, EventKind::Repaired { node: 1, neighbour: 0 }));
        violated(&history)
    };
    // Once for each of the two origins.
    assert_eq!(asked(2), [""; 0]);
    assert_eq!(asked(3), ["I13"]);
}
