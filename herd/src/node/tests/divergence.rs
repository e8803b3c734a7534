//! Nodes that have heard all of each other and still have different records.

use super::*;

/// Returns two nodes of which Parker claims to have heard Alford up to a sequence that it never
/// heard, as after a disk lost data that it had synced.
fn pair_that_diverged() -> [Node; 2] {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    say(&mut alford, "IAMAT plum +1+1 1");
    parker.restore_cursor("Alford", Cursor { epoch: alford.epoch, sequence: 2 });
    [alford, parker]
}

#[test]
fn nodes_that_diverged_find_out_and_send_everything_again() {
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
    // Fig was sent again as well, although it had come from Parker.
    assert_eq!(again.updates(), 4);
}

#[test]
fn a_node_without_records_that_heard_everything_is_found_out_too() {
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
