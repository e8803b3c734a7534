//! What a node counts.

use super::*;

#[test]
fn what_a_neighbour_has_not_been_told_is_its_lag() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let neighbour = alford.neighbour("Parker").unwrap();
    for client in ["kiwi", "plum", "fig"] {
        say(&mut alford, &format!("IAMAT {client} +1+1 1"));
    }
    assert_eq!(alford.lag(neighbour), None);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!(alford.lag(neighbour), Some(0));
    say(&mut alford, "IAMAT pear +1+1 1");
    say(&mut alford, "IAMAT lime +1+1 1");
    assert_eq!(alford.lag(neighbour), Some(2));
}

#[test]
fn updates_that_are_said_heard_and_heard_again_are_counted() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    for client in ["kiwi", "plum", "fig"] {
        say(&mut alford, &format!("IAMAT {client} +1+1 1"));
    }
    wire.settle([&mut alford, &mut parker], START);
    let line = known(&alford, "kiwi").unwrap();
    wire.ends[1].receive(&mut parker, line.as_bytes(), START, NOW).unwrap();
    let counted = |node: &Node| (node.counters.said, node.counters.fresh, node.counters.stale);
    assert_eq!((counted(&alford), counted(&parker)), ((3, 0, 0), (0, 3, 1)));
}
