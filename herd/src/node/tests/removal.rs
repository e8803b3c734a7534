//! The removal of clients.

use super::*;
use crate::message::{ClientId, MOST_REMOVALS};

fn client(id: &str) -> ClientId<'_> {
    ClientId::parse(id.as_bytes()).unwrap()
}

/// Returns a node's line for a client, removed or not.
fn line(node: &Node, id: &str) -> String {
    let record = node.table().get_even_removed(client(id)).expect("a client heard of");
    String::from_utf8(record.line().to_vec()).unwrap()
}

/// Lets both nodes send each other all their updates.
fn sync(one: &mut Node, other: &mut Node, id: u64) -> Wire {
    let mut wire = Wire::between(one, other, id, START);
    wire.settle([one, other], START);
    assert_eq!(wire.ended, [None, None]);
    assert_eq!(one.table().sum(), other.table().sum());
    wire
}

const FROM_THE_FUTURE: &str = "AT Parker -86400.000000000 kiwi +1+1 2000086400";

#[test]
fn a_report_from_the_future_is_removed_everywhere_and_ordinary_reports_count_again() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    assert_eq!(say(&mut parker, "IAMAT kiwi +1+1 2000086400"), format!("{FROM_THE_FUTURE}\n"));
    sync(&mut alford, &mut parker, 1).cut([&mut alford, &mut parker]);
    say(&mut alford, "IAMAT kiwi +2+2 2000000000");
    assert_eq!(known(&alford, "kiwi").as_deref(), Some(FROM_THE_FUTURE));

    assert_eq!(alford.remove(client("kiwi")), Ok(1));
    assert_eq!(say(&mut alford, "WHATSAT kiwi 1 0"), "? WHATSAT kiwi 1 0\n");
    sync(&mut alford, &mut parker, 2).cut([&mut alford, &mut parker]);
    assert_eq!(line(&parker, "kiwi"), "REMOVED 1 kiwi");
    assert_eq!(say(&mut parker, "WHATSAT kiwi 1 0"), "? WHATSAT kiwi 1 0\n");

    let at = say(&mut parker, "IAMAT kiwi +3+3 1999999999");
    assert_eq!(at, "AT Parker +1.000000000 kiwi +3+3 1999999999\n");
    sync(&mut alford, &mut parker, 3);
    for node in [&mut alford, &mut parker] {
        assert_eq!(line(node, "kiwi"), format!("AFTER 1 {}", at.trim_end()));
        assert!(say(node, "WHATSAT kiwi 1 0").starts_with(&at));
        let (answer, _) = node.answer(b"WHATSAT kiwi 1 1", NOW, &mut Vec::new());
        assert!(matches!(answer, Answer::Places { at: shown, .. } if *shown == *at.trim_end().as_bytes()));
        assert!(say(node, "IAMAT kiwi +4+4 2000000001").starts_with("AT "));
    }
}

#[test]
fn one_total_order_decides_in_whatever_order_updates_come() {
    let lines = [
        "AT Parker -86400.000000000 kiwi +1+1 2000086400",
        "REMOVED 1 kiwi",
        "AFTER 1 AT Bolden +0.200000000 kiwi +1+1 7",
        "AFTER 1 AT Alford +0.100000000 kiwi +1+1 7",
        "AFTER 1 AT Alford +0.000000000 kiwi +1+1 8",
        "REMOVED 2 kiwi",
        "REMOVED 10 kiwi",
        "AFTER 10 AT Alford +9.000000000 kiwi +1+1 1",
    ];
    for [first, second] in (0..lines.len()).flat_map(|a| (0..lines.len()).map(move |b| [a, b])) {
        let mut table = Table::new(0);
        let mut apply = |index: usize| {
            table.apply_update(&Update::parse(lines[index].as_bytes()).unwrap(), Source::Journal)
        };
        assert_eq!(apply(first), Outcome::Fresh);
        let wins = second > first;
        assert_eq!(apply(second) == Outcome::Fresh, wins, "{} and {}", lines[first], lines[second]);
        let last = table.get_even_removed(client("kiwi")).unwrap();
        assert_eq!(last.line(), lines[first.max(second)].as_bytes());
        let mut alone = Table::new(0);
        alone.apply_update(&Update::parse(&last.line()).unwrap(), Source::Journal);
        assert_eq!(
            (table.sum(), table.len(), table.ever_removed()),
            (alone.sum(), alone.len(), alone.ever_removed())
        );
    }
}

#[test]
fn two_removals_at_once_are_one_and_a_report_that_had_not_heard_of_them_loses() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 5");
    sync(&mut alford, &mut parker, 1).cut([&mut alford, &mut parker]);
    assert_eq!((alford.remove(client("kiwi")), parker.remove(client("kiwi"))), (Ok(1), Ok(1)));
    sync(&mut alford, &mut parker, 2).cut([&mut alford, &mut parker]);
    assert_eq!(line(&alford, "kiwi"), "REMOVED 1 kiwi");

    say(&mut alford, "IAMAT plum +1+1 5");
    sync(&mut alford, &mut parker, 3).cut([&mut alford, &mut parker]);
    alford.remove(client("plum")).unwrap();
    assert!(say(&mut parker, "IAMAT plum +2+2 6").starts_with("AT Parker "));
    sync(&mut alford, &mut parker, 4);
    assert_eq!(
        (line(&alford, "plum"), line(&parker, "plum")),
        ("REMOVED 1 plum".into(), "REMOVED 1 plum".into())
    );
}

#[test]
fn a_removal_reaches_a_node_that_never_heard_of_the_client() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 5");
    alford.remove(client("kiwi")).unwrap();
    sync(&mut alford, &mut parker, 1);
    assert_eq!(line(&parker, "kiwi"), "REMOVED 1 kiwi");
    assert_eq!((parker.table().len(), parker.table().all(), parker.table().ever_removed()), (0, 1, 1));
    assert_eq!(say(&mut parker, "WHATSAT kiwi 1 0"), "? WHATSAT kiwi 1 0\n");
}

#[test]
fn the_answer_about_an_unknown_client_depends_on_its_removal() {
    let limits = Limits { distinct_clients: 1, ..Limits::default() };
    let mut alford = Node::new("Alford", &[], limits, Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
    let mut tells_of = |line: &str| alford.answer(line.as_bytes(), NOW, &mut Vec::new()).1;
    assert_eq!(tells_of("WHATSAT kiwi 1 0"), 0, "nothing is known of it");
    assert_eq!(tells_of("IAMAT kiwi +1+1 5"), 1);
    assert_eq!(alford.remove(client("kiwi")), Ok(1));
    say(&mut alford, "IAMAT plum +1+1 5");
    let mut tells_of = |line: &str| alford.answer(line.as_bytes(), NOW, &mut Vec::new()).1;
    assert_eq!(tells_of("WHATSAT kiwi 1 0"), 2);
    assert_eq!(tells_of("IAMAT kiwi +1+1 5"), 2, "refused: removed, and the table is full");
    assert_eq!(tells_of("IAMAT fig +1+1 5"), 0, "refused, and nothing is known of it");
    assert_eq!(tells_of("nonsense"), 0);
}

#[test]
fn removed_clients_make_room_for_others_and_are_themselves_bounded_at_the_node_asked() {
    let limits = Limits { distinct_clients: 1, removed_clients: 1, ..Limits::default() };
    let mut alford = Node::new("Alford", &[], limits, Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
    assert_eq!(alford.remove(client("kiwi")), Err(RemovalError::Unknown));
    say(&mut alford, "IAMAT kiwi +1+1 5");
    assert_eq!(alford.remove(client("kiwi")), Ok(1));
    assert_eq!(alford.remove(client("kiwi")), Err(RemovalError::Unknown));
    assert!(alford.table().is_empty());
    // A removed client counts as a new one.
    assert!(say(&mut alford, "IAMAT plum +1+1 5").starts_with("AT "));
    assert!(say(&mut alford, "IAMAT kiwi +1+1 5").starts_with("? "));
    assert_eq!(alford.remove(client("plum")), Err(RemovalError::TooMany));
    for line in ["REMOVED 1 plum", "REMOVED 1 fig", "AFTER 1 AT Bolden +0.000000000 kiwi +1+1 1"] {
        let update = Update::parse(line.as_bytes()).unwrap();
        assert_eq!(alford.table.apply_update(&update, Source::Journal), Outcome::Fresh, "{line}");
    }
    assert_eq!(alford.table().ever_removed(), 3);
    // A client that was removed before may be removed again.
    assert_eq!(alford.remove(client("kiwi")), Ok(2));
}

#[test]
fn a_client_is_not_removed_more_often_than_lines_can_say() {
    let mut alford = node("Alford", &[]);
    let line = format!("AFTER {MOST_REMOVALS} AT Bolden +0.000000000 kiwi +1+1 1");
    alford.table.apply_update(&Update::parse(line.as_bytes()).unwrap(), Source::Journal);
    assert_eq!(alford.remove(client("kiwi")), Err(RemovalError::TooMany));
    assert!(say(&mut alford, "IAMAT kiwi +1+1 5").starts_with("AT "));
}

#[test]
fn bulk_syncs_find_removals_that_the_other_side_lacks() {
    let limits = Limits { bulk_sync: 4, ..Limits::default() };
    let named = |name: &str, other: &str, life| {
        Node::new(
            name,
            &[other.to_owned()],
            limits.clone(),
            Lives { epoch: life, incarnation: life, hash_seed: 0 },
        )
    };
    let (mut alford, mut parker) = (named("Alford", "Parker", 1), named("Parker", "Alford", 2));
    for number in 0..2000 {
        say(&mut alford, &format!("IAMAT c{number} +1+1 5"));
    }
    sync(&mut alford, &mut parker, 1).cut([&mut alford, &mut parker]);
    for number in 0..20 {
        alford.remove(client(&format!("c{}", 100 * number))).unwrap();
        say(&mut alford, &format!("IAMAT c{} +1+1 4", 200 * number % 2000));
    }
    parker.forget_cursors();
    let wire = sync(&mut alford, &mut parker, 2);
    assert_eq!(parker.table().len(), alford.table().len());
    let said = wire.said.iter().filter(|line| Update::is_like(line.as_bytes())).count();
    assert!((1..1000).contains(&said), "{said}");
}

#[test]
fn a_report_of_the_earliest_time_there_is_wins_over_its_clients_removal() {
    let mut alford = node("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 5");
    alford.remove(crate::message::ClientId::parse(b"kiwi").unwrap()).unwrap();
    say(&mut alford, "IAMAT kiwi +2+2 0");
    assert!(say(&mut alford, "WHATSAT kiwi 0 0").contains(" kiwi +2+2 0\n"));
}
