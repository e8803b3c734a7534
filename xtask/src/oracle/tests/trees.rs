//! Lines of updates on trees.

use super::*;

#[test]
fn once_the_trees_are_whole_an_update_takes_one_line_for_each_node() {
    let sent = |lines: u64| {
        let mut history = right();
        history.setting.edges = 10;
        history.setting.calm = Some(1_010_000);
        for op in 20..30 {
            let report = format!("IAMAT kiwi +1+1 {op}");
            ask(&mut history, op, 0, &report, &format!("AT A +0.500000000 kiwi +1+1 {op}"));
        }
        let last = "AT A +0.500000000 kiwi +1+1 29".to_owned();
        for ending in &mut history.endings {
            ending.lines = vec![last.clone()];
        }
        history.endings[0].sent = lines + 1;
        history.endings[0].sent_when_calm = lines;
        violated(&history)
    };
    assert_eq!(sent(11), [""; 0]);
    assert_eq!(sent(12), ["I7"]);
}

#[test]
fn a_report_that_was_outdated_when_it_came_makes_no_tree() {
    let sent = |lines: u64| {
        let mut history = right();
        history.setting.edges = 10;
        history.setting.calm = Some(1_010_000);
        ask(&mut history, 4, 1, "IAMAT kiwi +0+0 0", "AT B +1.500000000 kiwi +0+0 0");
        let first = "AT B +0.500000000 kiwi +1+1 20".to_owned();
        ask(&mut history, 20, 1, "IAMAT kiwi +1+1 20", &first);
        for ending in &mut history.endings {
            ending.lines = vec![first.clone()];
        }
        history.endings[0].sent = lines + 1;
        history.endings[0].sent_when_calm = lines;
        violated(&history)
    };
    // A whole flood of 2 x 10 - 1 lines, and 1.1 lines for the update on a tree.
    assert_eq!(sent(21), [""; 0]);
    assert_eq!(sent(22), ["I7"]);
}
