//! Several processes with one name.

use super::*;

/// Links `process` with `node` at `now`, and returns whether the link stays. The process dials.
fn link(process: &mut Node, node: &mut Node, id: u64, now: Duration) -> bool {
    let mut wire = Wire::between(process, node, id, now);
    wire.ends[1] = Link::accepted(LinkId(id), now).at(format!("{}:{id}", process.incarnation));
    wire.settle([process, node], now);
    assert!(
        wire.ended[0] == wire.ended[1] && [None, Some(LinkEnd::Rival)].contains(&wire.ended[0]),
        "{wire:?}"
    );
    wire.ended[0].is_none()
}

#[test]
fn rivals_take_turns_slowly_and_are_identified_by_their_addresses() {
    let mut alford = node("Alford", &["Parker"]);
    let parker = alford.neighbour("Parker").unwrap();
    let mut rivals = [1, 2].map(|life| node_of_life("Parker", &["Alford"], life));
    // The process without a link dials every 40 ms.
    let mut taken = Vec::new();
    for turn in 0..150 {
        let now = Duration::from_millis(turn * 40);
        if link(&mut rivals[taken.len() % 2], &mut alford, turn, now) {
            taken.push(now);
        }
        let warned = alford.take_rivals(parker, now);
        assert_eq!(warned.is_some(), turn == 4, "{turn}");
        if let Some(warned) = warned {
            assert_eq!(warned, ["1:4", "2:3"]);
        }
    }
    // Both had the link and came back until there were three returns. After that, a change takes a
    // second.
    let (quick, slow) = taken.split_at(5);
    assert_eq!(quick, [0, 40, 80, 120, 160].map(Duration::from_millis));
    assert!(slow.len() >= 4 && slow.windows(2).all(|pair| pair[1] - pair[0] >= seconds(1.0)), "{slow:?}");
    assert!(slow[0] - quick[4] >= seconds(1.0));
}

#[test]
fn rivals_are_reported_once_a_minute() {
    let mut alford = node("Alford", &["Parker"]);
    let parker = alford.neighbour("Parker").unwrap();
    let mut rivals = [1, 2, 3].map(|life| node_of_life("Parker", &["Alford"], life));
    let mut warned = Vec::new();
    for turn in 0..150 {
        let now = Duration::from_secs(turn);
        assert!(link(&mut rivals[turn as usize % 3], &mut alford, turn, now), "{turn}");
        warned.extend(alford.take_rivals(parker, now).map(|_| turn));
    }
    assert_eq!(warned, [5, 65, 125]);
}

#[test]
fn a_process_that_is_restarted_again_and_again_is_linked_at_once() {
    let mut alford = node("Alford", &["Parker"]);
    let parker = alford.neighbour("Parker").unwrap();
    for life in 1..50 {
        let now = Duration::from_millis(life * 20);
        let mut reborn = node_of_life("Parker", &["Alford"], life);
        assert!(link(&mut reborn, &mut alford, life, now), "{life}");
        assert_eq!(alford.take_rivals(parker, now), None);
    }
}

#[test]
fn the_last_of_the_rivals_is_linked_at_once_when_the_others_have_gone() {
    let mut alford = node("Alford", &["Parker"]);
    let mut rivals = [1, 2].map(|life| node_of_life("Parker", &["Alford"], life));
    for turn in 0..6 {
        link(&mut rivals[turn as usize % 2], &mut alford, turn, START);
    }
    let parker = alford.neighbour("Parker").unwrap();
    alford.neighbours[parker].unlink(LinkId(4));
    assert!(!alford.is_linked(parker) && link(&mut rivals[1], &mut alford, 6, START));
}

#[test]
fn a_refused_rival_waits_as_long_as_a_dial_ever_does() {
    let mut alford = node("Alford", &["Parker"]);
    let mut rivals = [1, 2].map(|life| node_of_life("Parker", &["Alford"], life));
    for turn in 0..6 {
        link(&mut rivals[turn as usize % 2], &mut alford, turn, START);
    }
    let [_, refused] = &mut rivals;
    let neighbour = refused.neighbour("Alford").unwrap();
    assert_eq!(refused.next_dial(neighbour, 0), seconds(1.0));
}

#[test]
fn a_node_warns_once_a_minute_that_another_process_has_its_name() {
    let mut parker = node("Parker", &["Alford"]);
    let alford = parker.neighbour("Alford").unwrap();
    let warned: Vec<u64> =
        (0..150).filter(|second| parker.take_rivalry(alford, seconds(*second as f64))).collect();
    assert_eq!(warned, [0, 60, 120]);
}
