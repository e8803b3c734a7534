//! The effects of heartbeats.

use super::*;

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
    // 20 ms in each direction, and half a second until the other's heartbeat is due.
    wire.transmit(0, &mut alford, seconds(0.5));
    wire.deliver(1, &mut parker, seconds(0.52));
    assert_eq!(alford.round_trip(there), None);
    wire.transmit(1, &mut parker, seconds(1.0));
    wire.deliver(0, &mut alford, seconds(1.02));
    assert_eq!(alford.round_trip(there), Some(Duration::from_millis(40)));
    wire.cut([&mut alford, &mut parker]);
    assert_eq!(alford.round_trip(there), None);
}
