//! Nodes that hold only some shards.

use super::{STREAM, all, apply, at, report, write};
use crate::backbone::Publisher;
use crate::message::ClientId;
use crate::node::{Answer, Cursor, Limits, Lives, Node, RemovalError, Selection, Shards};

/// A node that holds the shards of `kiwi` and not those of `plum`.
fn holder_of_kiwi(name: &str) -> Node {
    let lives = Lives { epoch: 7, incarnation: 1, hash_seed: 0 };
    let mut node = Node::new(name, &[], Limits::default(), lives);
    let shards = Shards::all(64);
    assert_ne!(shards.of(b"kiwi"), shards.of(b"plum"));
    node.read_stream("herd", Shards::parse(&shards.of(b"kiwi").to_string(), 64).unwrap());
    node
}

fn ask(node: &mut Node, client: &str) -> Answer {
    node.answer(format!("WHATSAT {client} 1 0").as_bytes(), at(1), &mut Vec::new()).0
}

#[test]
fn a_node_keeps_of_other_regions_only_the_clients_of_its_shards() {
    let mut alford = holder_of_kiwi("Alford");
    let lines = "AT Ceres +0.000000000 kiwi +1+1 9\nAT Ceres +0.000000000 plum +1+1 9\n";
    assert_eq!(apply(&mut alford, lines), 1);
    assert_eq!((alford.table().all(), alford.table().elsewhere()), (1, 0));
    assert_eq!(ask(&mut alford, "kiwi"), Answer::Written);
    let Answer::Elsewhere(question) = ask(&mut alford, "plum") else { panic!("the node holds plum") };
    let mut out = Vec::new();
    let line = b"AT Ceres +0.000000000 plum +1+1 9";
    assert_eq!(question.ask(line, &mut out), Some(Answer::Written));
    assert!(out.starts_with(line));
}

#[test]
fn a_journal_says_how_far_a_stream_was_read_for_the_same_shards_or_more() {
    let cursor = |sequence| Cursor { epoch: 9, sequence };
    for (name, is_known) in [
        ("stream:herd", true),
        ("stream:herd:8-15/64", true),
        ("stream:herd:0-31/64", true),
        ("stream:herd:8-14,16/64", false),
        ("stream:herd:none/64", false),
        ("stream:herd:0-31/32", false),
        ("stream:herd:x", false),
        ("stream:other", false),
        ("stream:other:0-31/64", false),
        ("herd", false),
    ] {
        let mut node =
            Node::new("Alford", &[], Limits::default(), Lives { epoch: 7, incarnation: 1, hash_seed: 0 });
        node.read_stream("herd", Shards::parse("8-15", 64).unwrap());
        node.restore_cursor(name, cursor(5));
        assert_eq!(
            node.stream_cursor(),
            Some(if is_known { cursor(5) } else { Cursor::default() }),
            "{name}"
        );
    }
}

#[test]
fn a_report_of_another_shard_is_kept_until_it_is_published() {
    let mut alford = holder_of_kiwi("Alford");
    let sum = alford.table().sum();
    report(&mut alford, "plum", 10);
    assert_eq!(alford.table().sum(), sum, "nodes that hold the same shards have equal sums");
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    publisher.publish_again(&alford, Selection::Left);
    assert_eq!(publisher.published(), 0);
    let mut sequence = 0;
    while write(&mut publisher, &alford).is_some() {
        assert_eq!(alford.drop_published(0, publisher.published()), publisher.published());
        assert_eq!(ask(&mut alford, "plum"), Answer::Written, "it may not be stored");
        sequence += 1;
    }
    (1..=sequence).for_each(|sequence| assert!(publisher.note_stored(sequence)));
    assert_eq!(publisher.published(), 1);
    report(&mut alford, "kiwi", 11);
    assert_eq!(alford.drop_published(0, 2), 2);
    assert_eq!((alford.table().all(), alford.table().elsewhere()), (1, 0));
    assert!(matches!(ask(&mut alford, "plum"), Answer::Elsewhere(_)));
}

#[test]
fn a_node_that_holds_fewer_shards_publishes_what_it_held() {
    let mut alford = holder_of_kiwi("Alford");
    // As a journal has it.
    let line = "AT Ceres +0.000000000 plum +1+1 9";
    let update = crate::message::Update::parse(line.as_bytes()).unwrap();
    alford.restore_out_of_order(&update);
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    publisher.publish_again(&alford, Selection::Left);
    assert_eq!(write(&mut publisher, &alford).unwrap().1, format!("{line}\n"));
    // What it does not hold is no part of its answers to other regions.
    publisher.publish_again(
        &alford,
        match all() {
            Selection::Herd { since, .. } => Selection::Herd { since, shards: alford.table().shards() },
            other => other,
        },
    );
    assert!(write(&mut publisher, &alford).is_none());
}

#[test]
fn removals_of_other_shards_are_kept_so_that_later_reports_win() {
    let mut alford = holder_of_kiwi("Alford");
    let plum = ClientId::parse(b"plum").unwrap();
    let shard = alford.table().shards().of(b"plum");
    assert_eq!(alford.remove(plum), Err(RemovalError::Elsewhere(shard)));
    assert_eq!(apply(&mut alford, "AFTER 1 AT Ceres +0.000000000 plum +1+1 99\n"), 1);
    assert_eq!(apply(&mut alford, "AFTER 1 AT Ceres +0.000000000 plum +1+1 99\n"), 0);
    assert!(matches!(ask(&mut alford, "plum"), Answer::Elsewhere(_)), "it is not removed where it is held");
    report(&mut alford, "plum", 10);
    let (_, lines) = write(&mut Publisher::begin(&alford, STREAM, None), &alford).unwrap();
    assert_eq!(lines, "AFTER 1 AT Alford +0.000000000 plum +1+1 10\n");
    assert_eq!(alford.drop_published(0, 9), 9);
    assert_eq!((alford.table().len(), alford.table().elsewhere()), (0, 1), "the removal is left");
}
