//! The choice between two links with one neighbour.

use super::*;

#[test]
fn the_smaller_name_s_link_stays_if_two_links_crossed() {
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
    // Parker was restarted and Alford has not noticed it yet. By name, Alford's old link would win.
    let mut reborn = node_of_life("Parker", &["Alford"], 77);
    let mut new = Wire::between(&reborn, &alford, 2, START);
    new.settle([&mut reborn, &mut alford], START);
    assert_eq!(new.ended, [None, None]);
    old.transmit(0, &mut alford, START);
    assert_eq!(old.ended[0], Some(LinkEnd::Duplicate));
}

#[test]
fn the_newer_link_stays_if_the_same_side_dialled_both() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    let mut old = Wire::between(&alford, &parker, 1, START);
    old.settle([&mut alford, &mut parker], START);
    let mut new = Wire::between(&alford, &parker, 2, START);
    new.settle([&mut alford, &mut parker], START);
    assert_eq!(new.ended, [None, None]);
    old.transmit(1, &mut parker, START);
    assert_eq!(old.ended[1], Some(LinkEnd::Duplicate));
}
