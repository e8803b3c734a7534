//! The wall clocks of two nodes, compared with heartbeats.

use super::*;

/// Two nodes with a link, and the events of the second node's heartbeats as the first one receives
/// them.
struct Pair {
    alford: Node,
    parker: Node,
    wire: Wire,
    beats: u32,
}

impl Pair {
    /// Returns a pair whose second clock is ahead by this many seconds, or behind if negative.
    fn apart(ahead: i64) -> Pair {
        let (alford, parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
        let mut wire = Wire::between(&alford, &parker, 1, START);
        wire.clocks[1].seconds = NOW.seconds.strict_add_signed(ahead);
        Pair { alford, parker, wire, beats: 0 }
    }

    /// Sends a heartbeat in each direction. Returns the events at each node.
    fn beat(&mut self) -> [Vec<LinkEvent>; 2] {
        let now = seconds(0.5 * f64::from(self.beats));
        self.beats += 1;
        self.wire.events = [Vec::new(), Vec::new()];
        self.wire.settle([&mut self.alford, &mut self.parker], now);
        std::mem::take(&mut self.wire.events).map(|events| {
            let is_clock =
                |event: &LinkEvent| matches!(event, LinkEvent::ClocksDiffer(_) | LinkEvent::ClocksAgree(_));
            events.into_iter().filter(is_clock).collect()
        })
    }

    /// Returns what each node knows of the other's clock: the difference in seconds, and whether it
    /// is too large.
    fn known(&self) -> [(Option<f64>, bool); 2] {
        [&self.alford, &self.parker].map(|node| {
            let (other, _) = node.neighbours().next().unwrap();
            let ahead = node.clock_difference(other).map(ClockDifference::as_secs_f64);
            (ahead, node.too_large_clock_difference(other).is_some())
        })
    }
}

#[test]
fn clocks_that_differ_are_news_once_on_both_sides_and_once_more_when_they_agree() {
    for (ahead, begins) in [(3600, "ahead of"), (-3600, "behind")] {
        let mut pair = Pair::apart(ahead);
        // Nothing is known before a heartbeat has been answered.
        pair.beat();
        let found: Vec<_> = (0..4).map(|_| pair.beat()).collect();
        let [alford, parker] =
            [0, 1].map(|side| found.iter().flat_map(|beat| &beat[side]).collect::<Vec<_>>());
        let [LinkEvent::ClocksDiffer(to_parker)] = alford[..] else { panic!("{alford:?}") };
        let [LinkEvent::ClocksDiffer(_)] = parker[..] else { panic!("{parker:?}") };
        assert_eq!(to_parker.to_string(), format!("3600.000 s {begins}"));
        let ahead = ahead as f64;
        assert_eq!(pair.known(), [(Some(ahead), true), (Some(-ahead), true)]);

        pair.wire.clocks[1] = NOW;
        let found: Vec<_> = (0..3).map(|_| pair.beat()).collect();
        let [alford, parker] =
            [0, 1].map(|side| found.iter().flat_map(|beat| &beat[side]).collect::<Vec<_>>());
        assert!(matches!(alford[..], [LinkEvent::ClocksAgree(_)]), "{alford:?}");
        assert!(matches!(parker[..], [LinkEvent::ClocksAgree(_)]), "{parker:?}");
        assert_eq!(pair.known(), [(Some(0.0), false), (Some(0.0), false)]);
    }
}

#[test]
fn clocks_that_differ_a_little_are_no_news() {
    let mut pair = Pair::apart(10);
    let found: Vec<_> = (0..4).map(|_| pair.beat()).collect();
    assert!(found.iter().flatten().all(Vec::is_empty), "{found:?}");
    assert_eq!(pair.known(), [(Some(10.0), false), (Some(-10.0), false)]);
}

#[test]
fn a_late_heartbeat_does_not_make_the_clocks_differ() {
    let mut pair = Pair::apart(0);
    let found: Vec<_> = (0..3).map(|_| pair.beat()).collect();
    assert!(found.iter().flatten().all(Vec::is_empty), "{found:?}");
    // Parker sends a line, and Alford, which was stopped, reads it a minute later.
    pair.wire.transmit(1, &mut pair.parker, seconds(2.0));
    pair.wire.deliver(0, &mut pair.alford, seconds(62.0));
    let found = &pair.wire.events[0];
    assert!(!found.iter().any(|event| matches!(event, LinkEvent::ClocksDiffer(_))), "{found:?}");
}

#[test]
fn a_link_that_is_lost_takes_the_difference_with_it_and_the_next_one_does_not_warn_again() {
    let mut pair = Pair::apart(60);
    (0..3).for_each(|_| drop(pair.beat()));
    let wire = std::mem::replace(&mut pair.wire, Wire::between(&pair.alford, &pair.parker, 2, START));
    wire.cut([&mut pair.alford, &mut pair.parker]);
    pair.wire.clocks[1] = NOW.plus(seconds(60.0));
    assert_eq!(pair.known(), [(None, false), (None, false)]);
    pair.beats = 0;
    let found: Vec<_> = (0..3).map(|_| pair.beat()).collect();
    assert!(found.iter().flatten().all(Vec::is_empty), "{found:?}");
    assert_eq!(pair.known(), [(Some(60.0), true), (Some(-60.0), true)]);
}
