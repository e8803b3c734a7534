//! Bulk syncs with neighbours that lack many updates.

use super::*;
use crate::node::link::bucket_sums::{GROUPS, bucket_of};
use crate::node::link::bulk_sync::SAMPLE;

/// The number of clients of a herd that is large enough for a bulk sync.
pub(super) const MANY: usize = 10_000;

/// Reports clients to a node, each at a different second.
pub(super) fn report(node: &mut Node, clients: std::ops::Range<usize>) {
    for client in clients {
        say(node, &format!("IAMAT client-{client} +34.068930-118.445127 {client}"));
    }
}

/// Gives a node the records of another one, as if they came long ago.
fn teach(pupil: &mut Node, teacher: &Node) {
    let lines: Vec<Vec<u8>> =
        teacher.table().changes_after(0).map(|(_, record)| record.line().to_vec()).collect();
    for line in lines {
        pupil.table.apply_update(&Update::parse(&line).unwrap(), Source::Journal);
    }
}

fn bytes(wire: &Wire) -> usize {
    wire.said.iter().map(|line| line.len() + 1).sum()
}

fn bytes_of_updates(wire: &Wire) -> usize {
    wire.said.iter().filter(|line| line.starts_with("AT ")).map(|line| line.len() + 1).sum()
}

/// Runs a link until the second node has received sums to compare.
pub(super) fn until_sums(wire: &mut Wire, sender: &mut Node, receiver: &mut Node) {
    while !wire.said.iter().any(|line| line.starts_with("SUMS ")) {
        wire.transmit(0, sender, START);
        wire.transmit(1, receiver, START);
        wire.deliver(0, sender, START);
        wire.deliver(1, receiver, START);
    }
}

fn assert_alike(one: &Node, other: &Node) {
    assert_eq!((one.table().len(), one.table().sum()), (other.table().len(), other.table().sum()));
}

#[test]
fn an_empty_node_receives_everything_and_little_more() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    assert_eq!(wire.updates(), MANY);
    assert!(bytes(&wire) * 20 < bytes_of_updates(&wire) * 21, "{} bytes", bytes(&wire));
    assert_eq!(wire.said.last().map(String::as_str), Some("SYNCED"));
}

#[test]
fn an_empty_node_with_three_neighbours_receives_everything_once() {
    let names = ["Alford", "Bolden", "Hamilton"];
    let mut knowing = names.map(|name| node(name, &["Parker"]));
    report(&mut knowing[0], 0..MANY);
    let [first, others @ ..] = &mut knowing;
    others.iter_mut().for_each(|other| teach(other, first));
    let mut parker = node("Parker", &names);
    let mut wires: Vec<Wire> =
        (0..3).map(|index| Wire::between(&knowing[index], &parker, index as u64, START)).collect();
    // The three links advance at the same time, one step each in turn.
    let mut quiet = 0;
    while quiet < 3 {
        for (wire, node) in wires.iter_mut().zip(&mut knowing) {
            wire.transmit(0, node, START);
            wire.transmit(1, &mut parker, START);
            quiet = if wire.pipes.iter().all(Vec::is_empty) { quiet + 1 } else { 0 };
            wire.deliver(0, node, START);
            wire.deliver(1, &mut parker, START);
        }
        let is_busy = |end: &Link, node: &Node| end.deadline(node, false) <= START;
        if wires
            .iter()
            .zip(&knowing)
            .any(|(wire, node)| is_busy(&wire.ends[0], node) || is_busy(&wire.ends[1], &parker))
        {
            quiet = 0;
        }
    }
    assert_alike(&knowing[0], &parker);
    assert_eq!(wires.iter().map(Wire::updates).sum::<usize>(), MANY, "to Parker, and nothing back");
    assert!(parker.bulk.is_none());
}

#[test]
fn only_differences_are_sent_of_many_common_records() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY);
    teach(&mut parker, &alford);
    report(&mut alford, MANY..MANY + 10);
    report(&mut parker, 2 * MANY..2 * MANY + 10);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    assert_eq!(alford.table().len(), MANY + 20);
    // These share a bucket or a group with those that differ.
    assert!((20..2_000).contains(&wire.updates()), "{} updates", wire.updates());
}

#[test]
fn buckets_of_large_groups_are_compared_when_that_saves_bytes() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..10 * MANY);
    teach(&mut parker, &alford);
    report(&mut alford, 10 * MANY..10 * MANY + 2_000);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    // All groups differ, and two thousand of their buckets, most of which have two clients.
    assert!((2_000..10_000).contains(&wire.updates()), "{} updates", wire.updates());
}

#[test]
fn a_neighbour_that_comes_back_after_many_changes_hears_them_and_hardly_more() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    wire.cut([&mut alford, &mut parker]);
    report(&mut alford, MANY..5 * MANY);
    let mut wire = Wire::between(&alford, &parker, 2, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    assert_eq!(wire.updates(), 4 * MANY);
    assert!(bytes(&wire) * 100 < bytes_of_updates(&wire) * 105, "{} bytes", bytes(&wire));
}

#[test]
fn changes_during_a_bulk_sync_are_sent_at_once_and_marked_afterwards() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    until_sums(&mut wire, &mut alford, &mut parker);
    say(&mut alford, "IAMAT kiwi +1+1 1");
    say(&mut alford, "IAMAT client-7 +1+1 999999999");
    wire.transmit(0, &mut alford, START);
    wire.deliver(1, &mut parker, START);
    assert!(known(&parker, "kiwi").is_some() && known(&parker, "client-7").unwrap().ends_with(" 999999999"));
    assert_eq!(parker.neighbours[parker.neighbour("Alford").unwrap()].cursor, Cursor::default());
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    let cursor = parker.neighbours[parker.neighbour("Alford").unwrap()].cursor;
    assert_eq!(cursor.sequence, alford.table().head());
}

#[test]
fn a_bulk_sync_that_is_cut_anywhere_begins_again_and_loses_nothing() {
    for lines in [1, 2, 3, 4, 100, 5_000, MANY] {
        let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
        report(&mut alford, 0..MANY);
        let mut wire = Wire::between(&alford, &parker, 1, START);
        while wire.said.len() < lines {
            wire.transmit(0, &mut alford, START);
            wire.transmit(1, &mut parker, START);
            wire.deliver(0, &mut alford, START);
            // Delivers only this number of lines.
            let left = lines - wire.said.len().min(lines);
            let kept: Vec<u8> =
                wire.pipes[1].split_inclusive(|byte| *byte == b'\n').take(left).flatten().copied().collect();
            wire.pipes[1] = kept;
            wire.deliver(1, &mut parker, START);
        }
        wire.cut([&mut alford, &mut parker]);
        assert!(parker.bulk.is_none());
        let mut wire = Wire::between(&alford, &parker, 2, START);
        wire.settle([&mut alford, &mut parker], START);
        assert_alike(&alford, &parker);
    }
}

#[test]
fn updates_of_a_bulk_sync_are_passed_on_by_a_later_bulk_sync() {
    let mut alford = node("Alford", &["Parker"]);
    let mut parker = node("Parker", &["Alford", "Powell"]);
    let mut powell = node("Powell", &["Parker"]);
    report(&mut alford, 0..MANY);
    let mut near = Wire::between(&alford, &parker, 1, START);
    let mut far = Wire::between(&parker, &powell, 2, START);
    far.settle([&mut parker, &mut powell], START);
    while parker.table().is_empty() {
        near.transmit(0, &mut alford, START);
        near.transmit(1, &mut parker, START);
        near.deliver(0, &mut alford, START);
        near.deliver(1, &mut parker, START);
    }
    say(&mut parker, "IAMAT kiwi +1+1 1");
    far.settle([&mut parker, &mut powell], START);
    assert_eq!(far.updates(), 1, "the one that does not come from Alford");
    near.settle([&mut alford, &mut parker], START);
    far.settle([&mut parker, &mut powell], START);
    assert_alike(&parker, &powell);
    assert!((MANY..=MANY + 2).contains(&far.updates()), "{} updates", far.updates());
    let cursor = powell.neighbours[powell.neighbour("Parker").unwrap()].cursor;
    assert_eq!(cursor.sequence, parker.table().head());
}

#[test]
fn the_buckets_of_a_group_are_compared_if_that_group_has_many_changes() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    alford.limits.bulk_sync = 4;
    parker.limits.bulk_sync = 4;
    let group = |client: &str| bucket_of(client.as_bytes()) / GROUPS;
    let clients = (0..).map(|number| format!("client-{number}")).filter(|client| group(client) == 200);
    for (number, client) in clients.take(300).enumerate() {
        say(&mut alford, &format!("IAMAT {client} +1+1 1"));
        if number == 289 {
            teach(&mut parker, &alford);
        }
    }
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    // Those that share a bucket with one of the ten are sent too.
    assert!((10..100).contains(&wire.updates()), "{} updates", wire.updates());
}

#[test]
fn groups_are_sent_whole_if_comparing_the_buckets_of_some_saved_too_little() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY / 2);
    teach(&mut parker, &alford);
    report(&mut alford, MANY / 2..10 * MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_alike(&alford, &parker);
    let is_of_group = |line: &&String| line.starts_with("SUMS ") && line.split(' ').count() == 4;
    assert_eq!(wire.said.iter().filter(is_of_group).count(), SAMPLE);
}

#[test]
fn updates_of_one_neighbour_during_a_bulk_sync_to_another_are_passed_on() {
    let mut alford = node("Alford", &["Parker"]);
    let mut parker = node("Parker", &["Alford", "Powell"]);
    let mut powell = node("Powell", &["Parker"]);
    report(&mut parker, 0..MANY);
    report(&mut alford, MANY..2 * MANY);
    let mut far = Wire::between(&parker, &powell, 2, START);
    until_sums(&mut far, &mut parker, &mut powell);
    let mut near = Wire::between(&alford, &parker, 1, START);
    while parker.table().len() == MANY {
        near.transmit(0, &mut alford, START);
        near.transmit(1, &mut parker, START);
        near.deliver(0, &mut alford, START);
        near.deliver(1, &mut parker, START);
    }
    far.settle([&mut parker, &mut powell], START);
    near.settle([&mut alford, &mut parker], START);
    far.settle([&mut parker, &mut powell], START);
    assert_alike(&alford, &parker);
    assert_alike(&parker, &powell);
}

#[test]
fn the_updates_of_a_bulk_sync_are_counted() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!(alford.counters().said, MANY as u64);
    assert_eq!((parker.counters().fresh, parker.counters().stale), (MANY as u64, 0));
    let repeated = wire.said.iter().find(|line| line.starts_with("AT ")).unwrap();
    wire.ends[1].receive(&mut parker, repeated.as_bytes(), START, NOW).unwrap();
    assert_eq!((parker.counters().fresh, parker.counters().stale), (MANY as u64, 1));
}
