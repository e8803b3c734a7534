//! A node that reads a stream, and what it asks other regions for.

use std::collections::BTreeMap;

use super::{STREAM, header, node};
use crate::backbone::{
    ATTEMPTS, AgainAnswer, AgainRequest, Header, Lengths, Next, Reader, Start, StreamState,
};
use crate::node::{Cursor, Shards};

/// What a reader has to ask for.
fn since(reader: &Reader) -> Option<&BTreeMap<String, u64>> {
    reader.lacks().map(|request| &request.since)
}

#[test]
fn a_reader_goes_on_where_it_was_in_the_same_stream_only() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    let stream = StreamState { epoch: 3, first: 1, last: 9 };
    assert_eq!(reader.begin(&mut bolden, stream, None), (1, Start::Fresh));
    assert_eq!(reader.lacks(), None, "the stream has its beginning");
    assert_eq!(reader.check(1), (Next::Apply, 0));
    reader.note_applied(&mut bolden, 1);
    assert_eq!(reader.check(1), (Next::Known, 0));
    assert_eq!(reader.begin(&mut bolden, stream, None), (2, Start::Resumed));
    assert_eq!(reader.begin(&mut bolden, StreamState { first: 5, ..stream }, None), (5, Start::Behind));
    assert_eq!(reader.begin(&mut bolden, StreamState { epoch: 4, ..stream }, None), (1, Start::NewStream));
    let emptied = StreamState { epoch: 4, first: 1, last: 0 };
    assert_eq!(reader.begin(&mut bolden, emptied, None), (1, Start::Resumed));
}

#[test]
fn a_hole_ends_the_read_a_few_times_and_then_counts_as_lost() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    reader.begin(&mut bolden, StreamState { epoch: 3, first: 1, last: 9 }, None);
    reader.note_applied(&mut bolden, 1);
    for _ in 0..ATTEMPTS {
        assert_eq!(reader.check(4), (Next::Hole(2), 0));
    }
    assert_eq!(reader.check(4), (Next::Apply, 2));
    reader.note_applied(&mut bolden, 4);
    assert_eq!(reader.check(6), (Next::Hole(1), 0), "another hole");
}

#[test]
fn a_reader_keeps_its_cursor_until_it_has_asked_for_what_it_lacks() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    reader.begin(&mut bolden, StreamState { epoch: STREAM, first: 1, last: 1 }, None);
    reader.note_applied(&mut bolden, 1);
    let truncated = StreamState { epoch: STREAM, first: 5, last: 9 };
    assert_eq!(reader.begin(&mut bolden, truncated, None), (5, Start::Behind));
    reader.note_applied(&mut bolden, 5);
    assert_eq!(bolden.stream_cursor(), Some(Cursor { epoch: STREAM, sequence: 1 }));
    // The next attempt goes on, and another process does not.
    assert_eq!(reader.begin(&mut bolden, truncated, None), (6, Start::Resumed));
    let mut again = Reader::new("west", Shards::default(), 0);
    assert_eq!(again.begin(&mut bolden, truncated, None), (5, Start::Behind));
    assert_eq!(since(&again), Some(&BTreeMap::new()));
    reader.note_answer(&mut bolden, AgainAnswer { read: 0, shards: Shards::default(), is_published: true });
    assert_eq!(reader.lacks(), None);
    assert_eq!(bolden.stream_cursor(), Some(Cursor { epoch: STREAM, sequence: 5 }));
}

#[test]
fn a_reader_asks_for_what_a_lost_message_may_have_had() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    bolden.set_stream_cursor(Cursor { epoch: STREAM, sequence: 0 });
    let stream = StreamState { epoch: STREAM, first: 1, last: 9 };
    assert_eq!(reader.begin(&mut bolden, stream, None), (1, Start::Resumed));
    let header = |window, stream| Header { window, stream, ..header(Cursor { epoch: 7, sequence: 1 }) };
    reader.note_header("Alford".to_owned(), header(20, STREAM));
    reader.note_header("Ceres".to_owned(), header(20, STREAM + 1));
    let checks: Vec<_> = (0..=ATTEMPTS).map(|_| reader.check(2).0).collect();
    assert_eq!(checks[ATTEMPTS as usize], Next::Apply);
    let windows = BTreeMap::from([("Alford".to_owned(), 20), ("Ceres".to_owned(), 0)]);
    assert_eq!(since(&reader), Some(&windows), "the header of Ceres is about another stream");
    reader.note_applied(&mut bolden, 2);
    reader.note_answer(&mut bolden, AgainAnswer { read: 0, shards: Shards::default(), is_published: true });
    // What is published again is older, so it may be lost whatever the headers say.
    (0..=ATTEMPTS).for_each(|_| assert_ne!(reader.check(4).0, Next::Known));
    assert_eq!(since(&reader), Some(&BTreeMap::new()));
}

/// A stream with so much to read that other regions are asked first.
const LONG: StreamState = StreamState { epoch: STREAM, first: 1, last: 90 };
const MOST: Lengths = Lengths { first: 10, resumed: 50 };

#[test]
fn a_node_asks_first_if_there_is_much_to_read() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    let short = StreamState { last: 10, ..LONG };
    assert_eq!(reader.asks_first(&bolden, short, MOST), None);
    let request = reader.asks_first(&bolden, LONG, MOST).unwrap();
    assert_eq!(request.to_string(), "AGAIN west 0000000000000001 0000000000000003 1 0/1");
    bolden.set_stream_cursor(Cursor { epoch: STREAM, sequence: 40 });
    assert_eq!(reader.asks_first(&bolden, LONG, MOST), None, "it goes on after message 40");
    bolden.set_stream_cursor(Cursor { epoch: STREAM, sequence: 39 });
    assert_eq!(reader.asks_first(&bolden, LONG, MOST).map(|request| request.least), Some(40));
    let truncated = StreamState { first: 75, ..LONG };
    assert_eq!(reader.asks_first(&bolden, truncated, MOST).map(|request| request.least), Some(75));
}

#[test]
fn a_node_does_not_read_what_another_region_publishes() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    let request = reader.asks_first(&bolden, LONG, MOST).unwrap();
    let publishing = AgainAnswer { read: 80, shards: Shards::default(), is_published: false };
    let answered = Some((request.clone(), publishing));
    assert_eq!(reader.begin(&mut bolden, LONG, answered), (81, Start::Fresh));
    reader.note_applied(&mut bolden, 81);
    // It asks on, with the same number, a node that has read as much.
    assert_eq!(reader.lacks(), Some(&AgainRequest { least: 80, ..request }));
    reader.note_answer(&mut bolden, publishing);
    assert_eq!(bolden.stream_cursor(), Some(Cursor::default()), "a process that starts again asks again");
    reader.note_answer(&mut bolden, AgainAnswer { read: 80, shards: Shards::default(), is_published: true });
    assert_eq!(reader.lacks(), None);
    assert_eq!(bolden.stream_cursor(), Some(Cursor { epoch: STREAM, sequence: 81 }));
}

#[test]
fn a_node_reads_what_no_other_region_goes_on_to_publish() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    assert!(!reader.note_unanswered());
    let request = reader.asks_first(&bolden, LONG, MOST).unwrap();
    let answered = Some((request, AgainAnswer { read: 80, shards: Shards::default(), is_published: false }));
    reader.begin(&mut bolden, LONG, answered);
    reader.note_applied(&mut bolden, 81);
    assert!(reader.note_unanswered());
    assert_eq!(reader.begin(&mut bolden, LONG, None), (1, Start::Fresh));
    assert_eq!(reader.lacks(), None);
}

#[test]
fn a_loss_while_others_publish_is_asked_for_anew() {
    let mut bolden = node("Bolden");
    let mut reader = Reader::new("west", Shards::default(), 0);
    let request = reader.asks_first(&bolden, LONG, MOST).unwrap();
    let answered = Some((request, AgainAnswer { read: 80, shards: Shards::default(), is_published: false }));
    reader.begin(&mut bolden, LONG, answered);
    (0..=ATTEMPTS).for_each(|_| assert_ne!(reader.check(83).0, Next::Known));
    let lacks = reader.lacks().unwrap();
    assert_eq!((lacks.number, lacks.least), (2, 80), "what is being published may not have it");
}

#[test]
fn a_node_asks_for_its_shards_until_others_have_published_all_of_them() {
    let mut bolden = node("Bolden");
    let shards = |text| Shards::parse(text, 8).unwrap();
    let mut reader = Reader::new("west", shards("0-3"), 0);
    let request = reader.asks_first(&bolden, LONG, MOST).unwrap();
    let answer = |text, is_published| AgainAnswer { read: 80, shards: shards(text), is_published };
    reader.begin(&mut bolden, LONG, Some((request.clone(), answer("0-1", false))));
    reader.note_answer(&mut bolden, answer("0-1", true));
    let left = AgainRequest { least: 80, shards: shards("2-3"), ..request };
    assert_eq!(reader.lacks(), Some(&left));
    assert_eq!(bolden.stream_cursor(), Some(Cursor::default()));
    reader.note_answer(&mut bolden, answer("2-7", true));
    assert_eq!(reader.lacks(), None);
    assert_eq!(bolden.stream_cursor(), Some(Cursor { epoch: STREAM, sequence: 80 }));
}
