//! How far neighbours are behind a node.

use super::*;

/// Returns Alford and Parker, linked; Parker has heard of this number of clients and has confirmed
/// it.
fn linked(clients: usize) -> (Node, Node, Wire, NeighbourId) {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    for client in 0..clients {
        say(&mut alford, &format!("IAMAT c{client} +1+1 1"));
    }
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    let heartbeat = alford.limits.heartbeat;
    wire.settle([&mut alford, &mut parker], heartbeat);
    let id = alford.neighbour("Parker").unwrap();
    (alford, parker, wire, id)
}

#[test]
fn a_link_that_never_was_has_no_lag_but_a_state() {
    let mut alford = node("Alford", &["Parker"]);
    say(&mut alford, "IAMAT kiwi +1+1 1");
    let parker = alford.neighbour("Parker").unwrap();
    assert_eq!((alford.lag(parker), alford.link_state(parker)), (None, LinkState::Never));
}

#[test]
fn a_neighbour_that_had_heard_all_lags_by_what_has_happened_since_its_link_ended() {
    let (mut alford, mut parker, wire, id) = linked(100);
    assert_eq!((alford.lag(id), alford.link_state(id)), (Some(0), LinkState::Up));
    wire.cut([&mut alford, &mut parker]);
    assert_eq!((alford.lag(id), alford.link_state(id)), (Some(0), LinkState::Down));
    for client in 0..3 {
        say(&mut alford, &format!("IAMAT late{client} +1+1 1"));
    }
    assert_eq!(alford.lag(id), Some(3));
    let mut wire = Wire::between(&parker, &alford, 2, START);
    wire.settle([&mut parker, &mut alford], START);
    assert_eq!((alford.lag(id), alford.link_state(id)), (Some(0), LinkState::Up));
}

#[test]
fn what_was_sent_and_never_confirmed_counts_when_the_link_ends() {
    let (mut alford, mut parker, mut wire, id) = linked(10);
    say(&mut alford, "IAMAT late +1+1 1");
    let heartbeat = alford.limits.heartbeat;
    wire.transmit(0, &mut alford, heartbeat);
    assert_eq!(alford.lag(id), Some(0), "it has been sent");
    wire.cut([&mut alford, &mut parker]);
    assert_eq!(alford.lag(id), Some(1), "it was lost on the way");
}

#[test]
fn a_new_link_begins_where_the_neighbour_says_it_has_heard() {
    let (mut alford, mut parker, wire, id) = linked(10);
    wire.cut([&mut alford, &mut parker]);
    let mut reborn = node_of_life("Parker", &["Alford"], 77);
    let mut wire = Wire::between(&reborn, &alford, 2, START);
    // Parker's hello and cursor reach Alford, which has sent nothing of its log yet.
    wire.transmit(0, &mut reborn, START);
    wire.deliver(1, &mut alford, START);
    wire.transmit(1, &mut alford, START);
    wire.deliver(0, &mut reborn, START);
    wire.transmit(0, &mut reborn, START);
    wire.deliver(1, &mut alford, START);
    assert_eq!((alford.lag(id), alford.link_state(id)), (Some(10), LinkState::Up));
}

#[test]
fn a_new_life_of_the_table_leaves_everything_to_be_heard() {
    let (mut alford, mut parker, wire, id) = linked(10);
    wire.cut([&mut alford, &mut parker]);
    alford.begin_epoch(4242);
    assert_eq!((alford.lag(id), alford.link_state(id)), (Some(10), LinkState::Down));
}

#[test]
fn a_divergence_is_counted_and_leaves_everything_to_be_heard() {
    let (mut alford, _, wire, id) = linked(10);
    wire.ends[0].close(&mut alford, &LinkEnd::Diverged, &mut Vec::new());
    assert_eq!((alford.divergences(id), alford.lag(id)), (1, Some(10)));
}
