//! Two nodes in different regions, and a stream in memory between them.

mod reading;
mod shards;

use std::collections::BTreeMap;

use super::{AgainAnswer, AgainRequest, Answers, Header, Publisher};
use crate::message::{ClientId, Time, Update};
use crate::node::{Cursor, Limits, Lives, Node, RegionSums, Selection, Shards};

/// The epoch of the stream.
const STREAM: u64 = 3;

/// A header that says that everything up to a cursor is stored.
fn header(cursor: Cursor) -> Header {
    Header { cursor, window: 0, stream: STREAM, end: 0, forgotten: 0 }
}

fn node(name: &str) -> Node {
    let mut node = Node::new(name, &[], Limits::default(), Lives { epoch: 7, incarnation: 1, hash_seed: 0 });
    node.read_stream("herd", Shards::default());
    node
}

fn at(seconds: u64) -> Time {
    Time { seconds, nanoseconds: 0 }
}

/// Lets a client report to a node.
fn report(node: &mut Node, client: &str, seconds: u64) {
    let line = format!("IAMAT {client} +1+1 {seconds}");
    node.answer(line.as_bytes(), at(seconds), &mut Vec::new());
}

fn write(publisher: &mut Publisher, node: &Node) -> Option<(Header, String)> {
    let mut lines = Vec::new();
    let header = publisher.write_message(node, &mut lines)?;
    Some((header, String::from_utf8(lines).unwrap()))
}

fn apply(node: &mut Node, lines: &str) -> usize {
    let updates: Vec<_> = lines.lines().filter_map(|line| Update::parse(line.as_bytes())).collect();
    node.apply_from_backbone(&updates, at(1))
}

/// All that a node has.
fn all() -> Selection {
    Selection::Herd { since: BTreeMap::new(), shards: Shards::default() }
}

fn clients(lines: &str) -> Vec<&str> {
    lines.lines().filter_map(|line| line.split(' ').nth(3)).collect()
}

#[test]
fn a_node_publishes_what_it_received_itself_and_nothing_twice() {
    let mut alford = node("Alford");
    report(&mut alford, "kiwi", 10);
    report(&mut alford, "kiwi", 11);
    apply(&mut alford, "AT Bolden +0.000000000 plum +1+1 12\n");
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    let (header, lines) = write(&mut publisher, &alford).unwrap();
    assert_eq!(lines, "AT Alford +0.000000000 kiwi +1+1 11\n");
    assert_eq!(header.cursor, Cursor { epoch: 7, sequence: 0 });
    assert!(write(&mut publisher, &alford).is_none());
    assert!(publisher.note_stored(1));
    assert_eq!(publisher.stored(), 3);
    assert!(!publisher.has_more(&alford));
}

#[test]
fn a_header_never_covers_what_may_not_be_stored() {
    let mut alford = node("Alford");
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    report(&mut alford, "kiwi", 10);
    let (first, _) = write(&mut publisher, &alford).unwrap();
    report(&mut alford, "plum", 11);
    let (second, _) = write(&mut publisher, &alford).unwrap();
    assert_eq!((first.cursor.sequence, second.cursor.sequence), (0, 0), "the first is under way");
    assert_eq!(second.window, first.window);
    assert!(publisher.note_stored(1));
    report(&mut alford, "lime", 12);
    let (third, _) = write(&mut publisher, &alford).unwrap();
    assert_eq!(third.cursor.sequence, 1);
    // The second was lost and the third was stored: a node that starts again publishes both.
    let mut again = Publisher::begin(&alford, STREAM, Some(third));
    assert_eq!(clients(&write(&mut again, &alford).unwrap().1), ["plum", "lime"]);
}

#[test]
fn a_cursor_of_another_epoch_or_beyond_the_end_is_ignored() {
    let mut alford = node("Alford");
    report(&mut alford, "kiwi", 10);
    for cursor in [Cursor { epoch: 8, sequence: 1 }, Cursor { epoch: 7, sequence: 2 }] {
        let mut publisher = Publisher::begin(&alford, STREAM, Some(header(cursor)));
        assert_eq!(clients(&write(&mut publisher, &alford).unwrap().1), ["kiwi"]);
    }
    let known = header(Cursor { epoch: 7, sequence: 1 });
    assert!(write(&mut Publisher::begin(&alford, STREAM, Some(known)), &alford).is_none());
    // It was stored in a stream that has been lost since.
    let mut publisher = Publisher::begin(&alford, STREAM + 1, Some(known));
    assert_eq!(clients(&write(&mut publisher, &alford).unwrap().1), ["kiwi"]);
}

#[test]
fn a_removal_is_published_by_the_herd_that_received_it() {
    let mut alford = node("Alford");
    report(&mut alford, "kiwi", 10);
    alford.remove(ClientId::parse(b"kiwi").unwrap()).unwrap();
    let (_, lines) = write(&mut Publisher::begin(&alford, STREAM, None), &alford).unwrap();
    assert_eq!(lines, "REMOVED 1 kiwi\n");
    let mut bolden = node("Bolden");
    assert_eq!(apply(&mut bolden, &lines), 1);
    assert!(write(&mut Publisher::begin(&bolden, STREAM, None), &bolden).is_none());
    // The node that received it may have lost it since, so its neighbours publish it, too.
    let mut ceres = node("Ceres");
    ceres.restore_out_of_order(&Update::parse(b"REMOVED 1 kiwi").unwrap());
    assert_eq!(write(&mut Publisher::begin(&ceres, STREAM, None), &ceres).unwrap().1, "REMOVED 1 kiwi\n");
    report(&mut alford, "kiwi", 9);
    let (_, lines) = write(&mut Publisher::begin(&alford, STREAM, None), &alford).unwrap();
    assert_eq!(lines, "AFTER 1 AT Alford +0.000000000 kiwi +1+1 9\n");
}

#[test]
fn a_node_publishes_again_what_another_one_may_have_left_unpublished() {
    let mut alford = node("Alford");
    apply(&mut alford, "AT Ceres +0.000000000 fig +1+1 90\n");
    report(&mut alford, "kiwi", 10);
    let early = "AT Bolden +0.000000000 plum +1+1 10";
    let late = "AT Bolden +0.000000000 lime +1+1 20";
    for line in [early, late] {
        alford.restore_out_of_order(&Update::parse(line.as_bytes()).unwrap());
    }
    let window = Update::parse(late.as_bytes()).unwrap().report.unwrap().window();
    let published = |selection: Selection| {
        let mut publisher = Publisher::begin(&alford, STREAM, Some(header(Cursor { epoch: 7, sequence: 4 })));
        publisher.publish_again(&alford, selection.clone());
        publisher.publish_again(&alford, selection);
        let (_, lines) = write(&mut publisher, &alford).unwrap();
        assert_eq!(publisher.unfinished().count(), 1);
        assert!(publisher.note_stored(1));
        assert_eq!(publisher.unfinished().count(), 0);
        clients(&lines).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let origin = |since| Selection::Origin { name: "Bolden".to_owned(), since };
    assert_eq!(published(origin(0)), ["plum", "lime"]);
    assert_eq!(published(origin(window)), ["lime"]);
    assert_eq!(published(all()), ["fig", "kiwi", "plum", "lime"]);
    let since = BTreeMap::from([("Bolden".to_owned(), window)]);
    assert_eq!(published(Selection::Herd { since, shards: Shards::default() }), ["fig", "kiwi", "lime"]);
}

#[test]
fn nothing_is_published_before_links_may_send_it() {
    let mut alford = node("Alford");
    alford.withhold_after(0);
    report(&mut alford, "kiwi", 10);
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    assert!(write(&mut publisher, &alford).is_none());
    assert!(!publisher.has_more(&alford));
    publisher.publish_again(&alford, all());
    assert!(write(&mut publisher, &alford).is_none());
    assert!(!publisher.has_more(&alford), "the publisher would be asked again and again");
    assert_eq!(publisher.unfinished().count(), 1);
    alford.withhold_after(1);
    assert!(publisher.has_more(&alford));
    assert_eq!(clients(&write(&mut publisher, &alford).unwrap().1), ["kiwi"]);
}

#[test]
fn a_full_message_is_followed_by_another() {
    let mut alford = node("Alford");
    (0..3000).for_each(|client| report(&mut alford, &format!("client-{client:04}"), 10));
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    let mut count = 0;
    while publisher.has_more(&alford) {
        let Some((_, lines)) = write(&mut publisher, &alford) else { continue };
        assert!(lines.len() < super::MESSAGE_BYTES + 200);
        count += lines.lines().count();
    }
    assert_eq!(count, 3000);
}

#[test]
fn a_node_that_answers_says_how_much_need_not_be_read_and_when_all_is_stored() {
    let mut alford = node("Alford");
    report(&mut alford, "kiwi", 10);
    alford.set_stream_cursor(Cursor { epoch: STREAM, sequence: 80 });
    let mut publisher = Publisher::begin(&alford, STREAM, Some(header(Cursor { epoch: 7, sequence: 1 })));
    let mut answers = Answers::default();
    let request = |number, least| AgainRequest {
        region: "west".to_owned(),
        number,
        stream: STREAM,
        least,
        shards: Shards::default(),
        since: BTreeMap::new(),
    };
    let publishing = Some(AgainAnswer { read: 80, shards: Shards::default(), is_published: false });
    let other = AgainRequest { stream: STREAM + 1, ..request(0, 1) };
    assert_eq!(answers.take(&alford, &mut publisher, &other), None, "the node has not read that stream");
    assert_eq!(answers.take(&alford, &mut publisher, &request(1, 81)), None);
    assert_eq!(publisher.unfinished().count(), 0);
    assert_eq!(answers.take(&alford, &mut publisher, &request(1, 80)), publishing);
    // What is published now may be in messages that the node reads before it is asked again.
    alford.set_stream_cursor(Cursor { epoch: STREAM, sequence: 85 });
    report(&mut alford, "plum", 11);
    assert_eq!(answers.take(&alford, &mut publisher, &request(2, 80)), publishing);
    assert_eq!(answers.take(&alford, &mut publisher, &request(3, 81)), None);
    assert_eq!(publisher.unfinished().count(), 1);
    let mut published = Vec::new();
    while let Some((_, lines)) = write(&mut publisher, &alford) {
        published.extend(clients(&lines).into_iter().map(str::to_owned));
    }
    assert_eq!(published, ["plum", "kiwi", "plum"]);
    assert_eq!(answers.take(&alford, &mut publisher, &request(1, 80)), publishing);
    assert!(publisher.note_stored(86) && publisher.note_stored(87));
    let published = Some(AgainAnswer { read: 80, shards: Shards::default(), is_published: true });
    assert_eq!(answers.take(&alford, &mut publisher, &request(1, 80)), published);
}

#[test]
fn a_request_to_an_empty_node_does_not_hide_later_ones() {
    let mut alford = node("Alford");
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    publisher.publish_again(&alford, all());
    report(&mut alford, "kiwi", 10);
    assert_eq!(clients(&write(&mut publisher, &alford).unwrap().1), ["kiwi"]);
    assert!(publisher.note_stored(1));
    publisher.publish_again(&alford, all());
    assert_eq!(clients(&write(&mut publisher, &alford).unwrap().1), ["kiwi"]);
}

/// The sums of a node, which two nodes can compare.
fn sums(node: &Node) -> RegionSums {
    let mut sums = RegionSums::begin(node, 3, at(1_000).window());
    while !sums.add_piece(node) {}
    sums
}

#[test]
fn what_differs_between_regions_is_found_by_sums_and_published_again() {
    let (mut alford, mut bolden) = (node("Alford"), node("Bolden"));
    for client in 0..100 {
        report(&mut alford, &format!("client-{client}"), 10);
    }
    let mut publisher = Publisher::begin(&alford, STREAM, None);
    let (_, lines) = write(&mut publisher, &alford).unwrap();
    assert!(publisher.note_stored(1));
    let (lost, arrived) = lines.split_once('\n').unwrap();
    apply(&mut bolden, arrived);
    // What was received lately may be under way, and does not count.
    report(&mut alford, "new", 2_000);
    write(&mut publisher, &alford).unwrap();
    assert!(publisher.note_stored(2));
    let differ = sums(&alford).differences(&sums(&bolden).to_bytes()).unwrap();
    assert_eq!(differ.len(), 1);
    publisher.publish_again(&alford, Selection::Clients(differ));
    let (_, lines) = write(&mut publisher, &alford).unwrap();
    assert_eq!(lines, format!("{lost}\n"));
    apply(&mut bolden, &lines);
    assert!(sums(&alford).differences(&sums(&bolden).to_bytes()).unwrap().is_empty());
    assert_eq!(sums(&alford).differences(b"no sums"), None);
}
