//! The counters of a node.

use super::*;

#[test]
fn updates_that_a_neighbour_has_not_been_sent_are_its_lag() {
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
    assert_eq!((alford.lag(neighbour), alford.divergences(neighbour)), (Some(2), 0));
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
    let counted = |node: &Node| (node.counters().said, node.counters().fresh, node.counters().stale);
    assert_eq!((counted(&alford), counted(&parker)), ((3, 0, 0), (0, 3, 1)));
}

#[test]
fn updates_are_counted_by_neighbour() {
    let (mut alford, mut parker) = (node("Alford", &["Parker", "Powell"]), node("Parker", &["Alford"]));
    let mut powell = node("Powell", &["Alford"]);
    Wire::between(&alford, &parker, 1, START).settle([&mut alford, &mut parker], START);
    say(&mut parker, "IAMAT kiwi +1+1 1");
    say(&mut parker, "IAMAT plum +1+1 1");
    Wire::between(&alford, &parker, 2, START).settle([&mut alford, &mut parker], START);
    Wire::between(&alford, &powell, 3, START).settle([&mut alford, &mut powell], START);
    let counters = |name: &str| alford.counters_of(alford.neighbour(name).unwrap());
    assert_eq!((counters("Parker").said, counters("Parker").received()), (0, 2));
    assert_eq!((counters("Powell").said, counters("Powell").received()), (2, 0));
    assert_eq!((alford.counters().said, alford.counters().received()), (2, 2));
}

#[test]
fn an_update_has_the_age_since_its_node_of_origin_received_it_and_a_removal_has_none() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    let mut age =
        |line: &[u8]| wire.ends[1].receive(&mut parker, line, START, NOW.plus(Duration::from_secs(2)));
    let at = say(&mut alford, "IAMAT kiwi +1+1 1");
    let update = |outcome, age| Ok(Some(LinkEvent::Update { outcome, age }));
    let two = Some(Duration::from_secs(2));
    assert_eq!(age(at.trim_end().as_bytes()), update(Outcome::Fresh, two));
    assert_eq!(age(at.trim_end().as_bytes()), update(Outcome::Stale, two));
    assert_eq!(age(b"REMOVED 1 kiwi"), update(Outcome::Fresh, None));
}

#[test]
fn new_ids_are_counted_down_and_those_refused_counted() {
    let mut node = node("Alford", &[]);
    assert_eq!((node.new_ids_left(), node.ids_refused()), (u32::MAX, 0));
    node.admit_new_ids(2);
    for (line, left, refused) in [
        ("IAMAT kiwi +1+1 1", 1, 0),
        ("IAMAT kiwi +1+1 2", 1, 0),
        ("IAMAT plum +1+1 1", 0, 0),
        ("IAMAT plum +1+1 2", 0, 0),
        ("IAMAT fig +1+1 1", 0, 1),
        ("IAMAT fig +1+1 1", 0, 2),
    ] {
        say(&mut node, line);
        assert_eq!((node.new_ids_left(), node.ids_refused()), (left, refused), "{line}");
    }
    assert_eq!(known(&node, "fig"), None);
}

#[test]
fn a_report_may_be_ahead_of_the_clock_by_the_bound_and_no_more() {
    let mut node = node("Alford", &[]);
    let most = node.limits().max_future_skew.unwrap().as_secs();
    let latest = NOW.seconds + most;
    assert!(say(&mut node, &format!("IAMAT kiwi +1+1 {latest}")).starts_with("AT Alford "));
    let later = format!("IAMAT plum +1+1 {latest}.000000001");
    assert_eq!(say(&mut node, &later), format!("? {later}\n"));
}
