//! What links carry, and when they end.

use super::*;

#[test]
fn a_new_link_brings_both_sides_what_they_lack() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    say(&mut parker, "IAMAT pear +2+2 2");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    for client in ["kiwi", "pear"] {
        assert_eq!(known(&alford, client), known(&parker, client));
        assert!(known(&alford, client).is_some());
    }
    assert_eq!(wire.updates(), 2, "nothing goes back to where it came from: {:?}", wire.said);
}

#[test]
fn a_hello_and_its_answer_may_come_in_one_segment() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.transmit(0, &mut alford, START);
    wire.deliver(1, &mut parker, START);
    // Parker's hello and cursor leave together, before Alford has read either.
    wire.transmit(1, &mut parker, START);
    wire.deliver(0, &mut alford, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!(wire.ended, [None, None]);
    assert!(wire.ends.iter().all(Link::is_complete));
}

#[test]
fn a_lost_link_costs_only_what_was_said_since() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    for client in 0..100 {
        say(&mut alford, &format!("IAMAT c{client} +1+1 1"));
    }
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!(wire.updates(), 100);
    wire.cut([&mut alford, &mut parker]);
    say(&mut alford, "IAMAT late +1+1 1");
    let mut wire = Wire::between(&parker, &alford, 2, START);
    wire.settle([&mut parker, &mut alford], START);
    assert_eq!(wire.updates(), 1);
    assert!(known(&parker, "late").is_some());
}

#[test]
fn lines_lost_before_their_mark_are_said_again() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    say(&mut alford, "IAMAT kiwi +1+1 1");
    wire.transmit(0, &mut alford, START);
    wire.cut([&mut alford, &mut parker]);
    assert_eq!(known(&parker, "kiwi"), None);
    let mut wire = Wire::between(&alford, &parker, 2, START);
    wire.settle([&mut alford, &mut parker], START);
    assert!(known(&parker, "kiwi").is_some());
}

#[test]
fn a_neighbour_that_lost_its_records_gets_its_own_updates_back() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut parker, "IAMAT kiwi +1+1 1");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    let mut reborn = node_of_life("Parker", &["Alford"], 77);
    let mut wire = Wire::between(&reborn, &alford, 2, START);
    wire.settle([&mut reborn, &mut alford], START);
    assert_eq!(known(&reborn, "kiwi"), known(&alford, "kiwi"));
}

#[test]
fn a_cursor_of_another_life_or_beyond_the_end_means_from_the_beginning() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    for cursor in [Cursor { epoch: 12345, sequence: 1 }, Cursor { epoch: alford.epoch, sequence: 2 }] {
        let neighbour = parker.neighbour("Alford").unwrap();
        parker.neighbours[neighbour].cursor = cursor;
        let mut wire = Wire::between(&alford, &parker, 1, START);
        wire.settle([&mut alford, &mut parker], START);
        assert_eq!(wire.updates(), 1, "{cursor:?}");
        assert_eq!(parker.neighbours[neighbour].cursor, Cursor { epoch: alford.epoch, sequence: 1 });
        wire.cut([&mut alford, &mut parker]);
    }
}

#[test]
fn a_long_log_is_said_in_batches_each_with_its_mark() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    alford.limits.bulk_sync = 10_000;
    for client in 0..10_000 {
        say(&mut alford, &format!("IAMAT c{client} +1+1 1"));
    }
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!(wire.updates(), 10_000);
    let marks = wire.said.iter().filter(|line| line.starts_with("UPTO ")).count();
    assert!((2..20).contains(&marks), "{marks}");
    assert_eq!(wire.said.last().map(String::as_str), Some("SYNCED"));
}

#[test]
fn an_unacceptable_update_is_skipped_and_the_link_goes_on() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    let event = wire.ends[0].receive(&mut alford, b"AT Parker +0.000000000 kiwi +91+0 1", START, NOW);
    assert_eq!(event, Ok(Some(LinkEvent::Unacceptable)));
    assert_eq!((alford.counters().unacceptable, alford.counters().received()), (1, 1));
    assert!(wire.ends[0].is_complete() && alford.table().is_empty());
}

#[test]
fn a_node_that_is_not_a_neighbour_gets_no_link() {
    let mut alford = node("Alford", &["Parker"]);
    let cases: [(&str, LinkEnd); 4] = [
        (
            "HELLO 5 Mallory 0000000000000001 0000000000000001",
            LinkEnd::Stranger("Mallory".to_owned(), "Alford".to_owned()),
        ),
        (
            "HELLO 5 Alford 0000000000000001 0000000000000001",
            LinkEnd::Stranger("Alford".to_owned(), "Alford".to_owned()),
        ),
        ("HELLO 9 Parker", LinkEnd::Version(9)),
        (
            "AT Parker +0.000000000 kiwi +1+1 1",
            LinkEnd::Framing("AT Parker +0.000000000 kiwi +1+1 1".to_owned()),
        ),
    ];
    for (line, end) in cases {
        let mut link = Link::accepted(LinkId(1), START);
        link.transmit(&mut alford, START, NOW, &mut Vec::new()).unwrap();
        assert_eq!(link.receive(&mut alford, line.as_bytes(), START, NOW), Err(end));
    }
    let mut dialled = Link::dialled(LinkId(2), alford.neighbour("Parker").unwrap(), START);
    let hello = b"HELLO 7 Bolden 0000000000000001 0000000000000001";
    let end = LinkEnd::WrongName("Parker".to_owned(), "Bolden".to_owned());
    assert_eq!(dialled.receive(&mut alford, hello, START, NOW), Err(end));
    assert!(alford.table().is_empty());
}

#[test]
fn dials_back_off_to_a_second_until_a_link_has_been_in_sync() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let id = alford.neighbour("Parker").unwrap();
    let waits: Vec<u128> = (0..7).map(|_| alford.next_dial(id, 0).as_millis()).collect();
    assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
    assert_eq!(alford.next_dial(id, u64::MAX).as_millis(), 750);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!(alford.next_dial(id, 0).as_millis(), 50);
}

#[test]
fn a_new_epoch_ends_the_link_and_the_next_one_sends_everything_again() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    alford.begin_epoch(7);
    wire.transmit(0, &mut alford, START);
    assert_eq!(wire.ended[0], Some(LinkEnd::NewEpoch));
    wire.deliver(1, &mut parker, START);
    assert_eq!(wire.ended[1], Some(LinkEnd::Bye("a new epoch".to_owned())));
    let mut again = Wire::between(&alford, &parker, 2, START);
    again.settle([&mut alford, &mut parker], START);
    assert_eq!(again.updates(), 1);
}
