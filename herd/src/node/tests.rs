//! Nodes without a runtime: time and bytes are passed by hand.

mod bulk;
mod clocks;
mod counts;
mod lag;
mod removal;
mod rivals;

use std::time::Duration;

use super::*;

const NOW: Time = Time { seconds: 2_000_000_000, nanoseconds: 0 };

fn node_of_life(name: &str, neighbours: &[&str], life: u64) -> Node {
    let neighbours: Vec<String> = neighbours.iter().map(ToString::to_string).collect();
    Node::new(name, &neighbours, Limits::default(), Lives { epoch: life, incarnation: life })
}

fn node(name: &str, neighbours: &[&str]) -> Node {
    node_of_life(name, neighbours, name.len() as u64 * 1000 + u64::from(name.as_bytes()[0]))
}

fn say_at(node: &mut Node, line: &str, now: Time) -> String {
    let mut out = Vec::new();
    node.answer(line.as_bytes(), now, &mut out);
    String::from_utf8(out).unwrap()
}

fn say(node: &mut Node, line: &str) -> String {
    say_at(node, line, NOW)
}

/// What a node knows of a client, or nothing.
fn known(node: &Node, client: &str) -> Option<String> {
    let id = crate::message::ClientId::parse(client.as_bytes()).unwrap();
    node.table().get(id).map(|record| String::from_utf8(record.line().to_vec()).unwrap())
}

/// A connection between two nodes, the first of which dialled it.
#[derive(Debug)]
struct Wire {
    ends: [Link; 2],
    ended: [Option<LinkEnd>; 2],
    /// Lines on their way to each end.
    pipes: [Vec<u8>; 2],
    /// What the wall clock of each end shows at the start.
    clocks: [Time; 2],
    /// Every line that was delivered.
    said: Vec<String>,
    /// What each end found out from these lines.
    events: [Vec<LinkEvent>; 2],
}

impl Wire {
    fn between(dialler: &Node, acceptor: &Node, id: u64, now: Duration) -> Wire {
        let to = dialler.neighbour(&acceptor.name).expect("a neighbour");
        Wire {
            ends: [Link::dialled(LinkId(id), to, now), Link::accepted(LinkId(id), now)],
            ended: [None, None],
            pipes: [Vec::new(), Vec::new()],
            clocks: [NOW, NOW],
            said: Vec::new(),
            events: [Vec::new(), Vec::new()],
        }
    }

    /// Lets one end write; what it writes is delivered later.
    fn transmit(&mut self, end: usize, node: &mut Node, now: Duration) {
        if self.ended[end].is_none() {
            let out = &mut self.pipes[1 - end];
            let result = self.ends[end]
                .check_alive(node, now)
                .and_then(|()| self.ends[end].transmit(node, now, self.clocks[end].plus(now), out));
            if let Err(reason) = result {
                self.ends[end].close(node, &reason, out);
                self.ended[end] = Some(reason);
            }
        }
    }

    /// Delivers all that is on its way to one end.
    fn deliver(&mut self, end: usize, node: &mut Node, now: Duration) {
        let lines = std::mem::take(&mut self.pipes[end]);
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            if self.ended[end].is_none() {
                self.said.push(String::from_utf8(line.to_vec()).unwrap());
                match self.ends[end].receive(node, line, now, self.clocks[end].plus(now)) {
                    Ok(event) => self.events[end].extend(event),
                    Err(reason) => {
                        self.ends[end].close(node, &reason, &mut self.pipes[1 - end]);
                        self.ended[end] = Some(reason);
                    }
                }
            }
        }
    }

    /// Lets both ends write and read until nothing is on its way.
    fn settle(&mut self, nodes: [&mut Node; 2], now: Duration) {
        let [a, b] = nodes;
        loop {
            self.transmit(0, a, now);
            self.transmit(1, b, now);
            if self.pipes.iter().all(Vec::is_empty) {
                // One of them may have more to do than was to be done at once.
                let is_busy = |end: usize, node: &Node| {
                    self.ended[end].is_none() && self.ends[end].deadline(node, false) <= now
                };
                if !is_busy(0, a) && !is_busy(1, b) {
                    return;
                }
                continue;
            }
            self.deliver(0, a, now);
            self.deliver(1, b, now);
        }
    }

    fn updates(&self) -> usize {
        self.said.iter().filter(|line| line.starts_with("AT ")).count()
    }

    /// Ends the connection at both ends, as a lost connection does.
    fn cut(mut self, nodes: [&mut Node; 2]) {
        for (end, node) in nodes.into_iter().enumerate() {
            self.ends[end].close(node, &LinkEnd::Connection("cut".to_owned()), &mut Vec::new());
            self.pipes[end].clear();
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

const START: Duration = Duration::ZERO;

#[test]
fn a_report_is_answered_with_its_skew_and_its_own_bytes() {
    let mut alford = node("Alford", &[]);
    let now = Time { seconds: 1_520_023_935, nanoseconds: 182_837_383 };
    let answer = say_at(&mut alford, "IAMAT kiwi +34.068930-118.445127 1520023934.918963997", now);
    assert_eq!(answer, "AT Alford +0.263873386 kiwi +34.068930-118.445127 1520023934.918963997\n");
}

#[test]
fn an_invalid_command_is_answered_by_a_copy() {
    let mut alford = node("Alford", &[]);
    for line in ["", "  x\t", "WHATSAT nobody 1 1", "AT Bolden +0.000000000 kiwi +1-1 1"] {
        assert_eq!(say(&mut alford, line), format!("? {line}\n"));
    }
    assert!(alford.table().is_empty());
}

#[test]
fn the_latest_time_wins_in_whatever_order_reports_come() {
    let mut alford = node("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 999.0");
    say(&mut alford, "IAMAT kiwi +2+2 1000.0");
    let stale = say(&mut alford, "IAMAT kiwi +3+3 999.9");
    assert!(stale.contains("+3+3 999.9"), "a stale report is answered with its own line: {stale}");
    assert!(known(&alford, "kiwi").unwrap().ends_with("+2+2 1000.0"));
    assert_eq!(alford.table().head(), 2);
}

#[test]
fn of_equal_times_the_one_received_first_wins_then_the_smaller_line() {
    let lines = [
        "AT Bolden +0.100000000 kiwi +1+1 5",
        "AT Alford +0.200000000 kiwi +2+2 5.0",
        "AT Alford +0.100000000 kiwi +3+3 5.00",
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut table = Table::default();
        for index in order {
            table.apply(&Update::parse(lines[index].as_bytes()).unwrap(), Source::Client);
        }
        let id = crate::message::ClientId::parse(b"kiwi").unwrap();
        assert_eq!(table.get(id).unwrap().line(), lines[2].as_bytes(), "{order:?}");
    }
}

#[test]
fn a_retry_of_the_same_report_changes_nothing() {
    let mut alford = node("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 5");
    say_at(&mut alford, "IAMAT kiwi +1+1 5", NOW.plus(seconds(1.0)));
    assert_eq!(alford.table().head(), 1);
}

#[test]
fn a_time_too_far_ahead_is_invalid_and_one_at_the_bound_is_not() {
    let mut alford = node("Alford", &[]);
    let day = 86_400;
    let at_bound = format!("IAMAT kiwi +1+1 {}", NOW.seconds + day);
    let past_bound = format!("IAMAT kiwi +1+1 {}.000000001", NOW.seconds + day);
    assert!(say(&mut alford, &past_bound).starts_with("? "));
    assert!(say(&mut alford, &at_bound).starts_with("AT Alford -86400.000000000 "));
}

#[test]
fn a_full_table_takes_known_clients_and_all_that_neighbours_say() {
    let limits = Limits { distinct_clients: 1, ..Limits::default() };
    let mut alford = Node::new("Alford", &[], limits, Lives { epoch: 1, incarnation: 1 });
    assert!(say(&mut alford, "IAMAT kiwi +1+1 1").starts_with("AT "));
    assert!(say(&mut alford, "IAMAT pear +1+1 1").starts_with("? "));
    assert!(say(&mut alford, "IAMAT kiwi +1+1 2").starts_with("AT "));
    let fig = Update::parse(b"AT Bolden +0.000000000 fig +1+1 1").unwrap();
    assert_eq!(alford.table.apply(&fig, Source::Client), Outcome::Fresh);
}

#[test]
fn a_bound_of_0_asks_nobody_and_any_other_says_what_to_ask() {
    let mut alford = node("Alford", &[]);
    let at = say(&mut alford, "IAMAT kiwi +34.0-118.4 1");
    let json = "{\n   \"html_attributions\" : [],\n   \"results\" : [],\n   \"status\" : \"OK\"\n}";
    assert_eq!(say(&mut alford, "WHATSAT kiwi 10 0"), format!("{at}{json}\n\n"));
    let (answer, _) = alford.answer(b"WHATSAT kiwi 0.5 20", NOW, &mut Vec::new());
    let query = PlacesQuery { location: "34.0,-118.4".to_owned(), metres: "500".to_owned(), bound: 20 };
    assert_eq!(answer, Answer::Places { at: at.trim_end().as_bytes().into(), query });
}

#[test]
fn changes_are_read_from_any_sequence_and_superseded_ones_are_skipped() {
    let mut alford = node("Alford", &[]);
    for round in 0..3000 {
        say(&mut alford, &format!("IAMAT often +1+1 {round}"));
    }
    say(&mut alford, "IAMAT once +1+1 1");
    let clients =
        |after| alford.table().changes_after(after).map(|(sequence, _)| sequence).collect::<Vec<_>>();
    assert_eq!(clients(0), [3000, 3001]);
    assert_eq!(clients(3000), [3001]);
    assert_eq!(clients(3001), [0; 0]);
}

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
fn a_neighbour_that_came_back_empty_gets_its_own_words_back() {
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
fn of_two_links_that_crossed_the_smaller_name_s_stays() {
    for alfords_first in [true, false] {
        let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
        let mut by_alford = Wire::between(&alford, &parker, 1, START);
        let mut by_parker = Wire::between(&parker, &alford, 2, START);
        if alfords_first {
            by_alford.settle([&mut alford, &mut parker], START);
        }
        by_parker.settle([&mut parker, &mut alford], START);
        by_alford.settle([&mut alford, &mut parker], START);
        by_parker.settle([&mut parker, &mut alford], START);
        assert_eq!(by_alford.ended, [None, None]);
        assert_eq!(by_parker.ended, [Some(LinkEnd::Duplicate), Some(LinkEnd::Duplicate)]);
    }
}

#[test]
fn a_link_from_a_new_incarnation_replaces_the_old_one() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut old = Wire::between(&alford, &parker, 1, START);
    old.settle([&mut alford, &mut parker], START);
    // Parker was restarted and Alford has not noticed; Alford's old link would win by name.
    let mut reborn = node_of_life("Parker", &["Alford"], 77);
    let mut new = Wire::between(&reborn, &alford, 2, START);
    new.settle([&mut reborn, &mut alford], START);
    assert_eq!(new.ended, [None, None]);
    old.transmit(0, &mut alford, START);
    assert_eq!(old.ended[0], Some(LinkEnd::Duplicate));
}

#[test]
fn of_two_links_dialled_by_the_same_side_the_newer_stays() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut old = Wire::between(&alford, &parker, 1, START);
    old.settle([&mut alford, &mut parker], START);
    let mut new = Wire::between(&alford, &parker, 2, START);
    new.settle([&mut alford, &mut parker], START);
    assert_eq!(new.ended, [None, None]);
    old.transmit(1, &mut parker, START);
    assert_eq!(old.ended[1], Some(LinkEnd::Duplicate));
}

#[test]
fn a_silent_neighbour_loses_its_link_and_a_speaking_one_keeps_it() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    for tick in 1..20 {
        wire.settle([&mut alford, &mut parker], seconds(0.5 * f64::from(tick)));
    }
    assert_eq!(wire.ended, [None, None]);
    wire.transmit(0, &mut alford, seconds(11.9));
    assert_eq!(wire.ended[0], None);
    wire.transmit(0, &mut alford, seconds(12.0));
    assert_eq!(wire.ended[0], Some(LinkEnd::Silent(seconds(2.5))));
    assert!(!alford.is_linked(alford.neighbour("Parker").unwrap()));
}

#[test]
fn a_heartbeat_is_due_under_load_too() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    for client in 0..10_000 {
        say(&mut alford, &format!("IAMAT c{client} +1+1 1"));
    }
    wire.transmit(0, &mut alford, seconds(0.5));
    assert!(wire.pipes[1].starts_with(b"ALIVE "));
    assert!(wire.pipes[1].len() < 2 * Limits::default().link_batch_bytes);
}

#[test]
fn heartbeats_tell_the_round_trip_without_the_time_they_waited() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    let there = alford.neighbour("Parker").unwrap();
    // 20 ms each way, and half a second until the other's heartbeat is due.
    wire.transmit(0, &mut alford, seconds(0.5));
    wire.deliver(1, &mut parker, seconds(0.52));
    assert_eq!(alford.round_trip(there), None);
    wire.transmit(1, &mut parker, seconds(1.0));
    wire.deliver(0, &mut alford, seconds(1.02));
    assert_eq!(alford.round_trip(there), Some(Duration::from_millis(40)));
    wire.cut([&mut alford, &mut parker]);
    assert_eq!(alford.round_trip(there), None);
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
    assert_eq!(alford.counters(), LinkCounters { unacceptable: 1, ..LinkCounters::default() });
    assert!(wire.ends[0].is_complete() && alford.table().is_empty());
}

#[test]
fn who_is_no_neighbour_gets_no_link() {
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
    let hello = b"HELLO 5 Bolden 0000000000000001 0000000000000001";
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

/// Parker claims to have heard Alford up to a sequence that it has never heard: as a disk that lies would have it.
fn pair_that_diverged() -> [Node; 2] {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    say(&mut alford, "IAMAT plum +1+1 1");
    parker.restore_cursor("Alford", Cursor { epoch: alford.epoch, sequence: 2 });
    [alford, parker]
}

#[test]
fn nodes_that_heard_all_of_each_other_and_know_different_things_find_out_and_say_everything_again() {
    let [mut alford, mut parker] = pair_that_diverged();
    say(&mut parker, "IAMAT fig +1+1 1");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert_eq!((wire.ended.clone(), known(&parker, "kiwi")), ([None, None], None));
    for beat in 1..=2 {
        wire.settle([&mut alford, &mut parker], seconds(0.5 * f64::from(beat)));
    }
    assert_eq!(wire.ended, [Some(LinkEnd::Diverged), Some(LinkEnd::Diverged)]);
    let mut again = Wire::between(&alford, &parker, 2, seconds(1.0));
    again.settle([&mut alford, &mut parker], seconds(1.0));
    assert_eq!(alford.table.sum(), parker.table.sum());
    for client in ["kiwi", "plum", "fig"] {
        assert!(known(&alford, client).is_some() && known(&alford, client) == known(&parker, client));
    }
    // Fig too was said again, though it had come from Parker.
    assert_eq!(again.updates(), 4);
}

#[test]
fn a_node_that_knows_nothing_though_it_heard_everything_is_found_out_too() {
    let [mut alford, mut parker] = pair_that_diverged();
    let mut wire = Wire::between(&alford, &parker, 1, START);
    for beat in 0..=2 {
        wire.settle([&mut alford, &mut parker], seconds(0.5 * f64::from(beat)));
    }
    assert_eq!(wire.ended, [Some(LinkEnd::Diverged), Some(LinkEnd::Diverged)]);
}

#[test]
fn heartbeats_while_updates_are_on_their_way_find_nothing_wrong() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    for beat in 1..50 {
        let now = seconds(0.25 * f64::from(beat));
        say(&mut alford, &format!("IAMAT kiwi +1+1 {beat}"));
        wire.transmit(0, &mut alford, now);
        say(&mut parker, &format!("IAMAT plum +1+1 {beat}"));
        wire.transmit(1, &mut parker, now);
        say(&mut parker, &format!("IAMAT plum +1+2 {beat}"));
        wire.deliver(0, &mut alford, now);
        wire.transmit(0, &mut alford, now);
        wire.deliver(1, &mut parker, now);
        assert_eq!(wire.ended, [None, None]);
    }
}

#[test]
fn a_new_epoch_ends_the_link_and_the_next_one_says_everything_again() {
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
    assert_eq!(again.updates(), 2);
}
