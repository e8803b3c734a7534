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
    node.admit_new_ids(2, Refusal::NewIdRate);
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
fn refused_lines_are_counted_by_reason() {
    let limits = Limits { distinct_clients: 1, ..Limits::default() };
    let mut node = Node::new("Alford", &[], limits, Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
    let refused = |node: &mut Node, line: &str| node.answer(line.as_bytes(), NOW, &mut Vec::new()).0;
    node.admit_new_ids(0, Refusal::MemoryFull);
    for (line, reason) in [
        ("", Refusal::Verb),
        ("WHATSAT kiwi 1", Refusal::Operands),
        ("IAMAT kiwi +1+1 99999999999", Refusal::FutureTime),
        ("IAMAT kiwi +1+1 1", Refusal::MemoryFull),
        ("WHATSAT kiwi 1 1", Refusal::UnknownClient),
    ] {
        assert_eq!(refused(&mut node, line), Answer::Refused(reason), "{line}");
    }
    node.admit_new_ids(1, Refusal::NewIdRate);
    say(&mut node, "IAMAT kiwi +1+1 1");
    assert_eq!(refused(&mut node, "IAMAT plum +1+1 1"), Answer::Refused(Refusal::TableFull));
    assert_eq!(refused(&mut node, ""), Answer::Refused(Refusal::Verb));
    let counted: Vec<_> = node.refusals().by_reason().filter(|(_, count)| *count > 0).collect();
    let expected = [
        ("verb", 2),
        ("operands", 1),
        ("future_time", 1),
        ("table_full", 1),
        ("memory_full", 1),
        ("unknown_client", 1),
    ];
    assert_eq!(counted, expected);
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
