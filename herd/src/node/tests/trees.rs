//! Floods on trees: pruning, announcements, and repairs.

use super::*;
use crate::message::At;

/// Nodes with a link between any two of them.
struct Mesh {
    nodes: Vec<Node>,
    wires: Vec<(usize, usize, Wire)>,
    /// A direction in which everything disappears.
    hole: Option<(usize, usize)>,
    /// A direction in which everything arrives last.
    slow: Option<(usize, usize)>,
    now: Duration,
}

/// The interval at which links are given the time. Links are busy at other times too, in a real
/// node.
const TICK: Duration = Duration::from_millis(10);

const NAMES: [&str; 4] = ["Alford", "Bolden", "Hamilton", "Parker"];

impl Mesh {
    fn new(size: usize) -> Mesh {
        let names = &NAMES[..size];
        let others = |name: &str| names.iter().copied().filter(|other| *other != name).collect::<Vec<_>>();
        let mut mesh = Mesh {
            nodes: names.iter().map(|name| node(name, &others(name))).collect(),
            wires: Vec::new(),
            hole: None,
            slow: None,
            now: START,
        };
        for high in 1..size {
            for low in 0..high {
                let id = (10 * high + low) as u64;
                mesh.wires.push((low, high, Wire::between(&mesh.nodes[low], &mesh.nodes[high], id, START)));
            }
        }
        mesh.settle();
        mesh
    }

    /// Returns three nodes with a tree for Alford.
    fn with_tree_of_alford() -> Mesh {
        let mut mesh = Mesh::new(3);
        mesh.report(0, "first");
        mesh.report(0, "second");
        mesh
    }

    /// Lets all links write and read until nothing is under way.
    fn settle(&mut self) {
        loop {
            for (low, high, wire) in &mut self.wires {
                wire.transmit(0, &mut self.nodes[*low], self.now);
                wire.transmit(1, &mut self.nodes[*high], self.now);
                match self.hole {
                    Some(hole) if hole == (*low, *high) => wire.pipes[1].clear(),
                    Some(hole) if hole == (*high, *low) => wire.pipes[0].clear(),
                    _ => {}
                }
            }
            if self.wires.iter().all(|(.., wire)| wire.pipes.iter().all(Vec::is_empty)) {
                return;
            }
            self.deliver();
        }
    }

    /// Delivers what is under way. What takes the slow direction waits until nothing else is.
    fn deliver(&mut self) {
        let mut others = false;
        for (low, high, wire) in &mut self.wires {
            for (end, node, other) in [(0, *low, *high), (1, *high, *low)] {
                if self.slow != Some((other, node)) && !wire.pipes[end].is_empty() {
                    wire.deliver(end, &mut self.nodes[node], self.now);
                    others = true;
                }
            }
        }
        if !others && let Some((from, to)) = self.slow {
            let find =
                |(low, high, _): &&mut (usize, usize, Wire)| [*low, *high] == [from.min(to), from.max(to)];
            let (low, _, wire) = self.wires.iter_mut().find(find).expect("a link");
            let end = usize::from(*low == from);
            wire.deliver(end, &mut self.nodes[to], self.now);
        }
    }

    /// Lets some time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            self.settle();
        }
    }

    /// Reports to a node, and returns the number of updates that this sends over links at once.
    fn report(&mut self, node: usize, client: &str) -> usize {
        let before = self.updates();
        say_at(&mut self.nodes[node], &format!("IAMAT {client} +1+1 1"), NOW.plus(self.now));
        self.settle();
        self.updates() - before
    }

    fn updates(&self) -> usize {
        self.wires.iter().map(|(.., wire)| wire.updates()).sum()
    }

    /// Returns how many lines that begin with `word` have been delivered.
    fn lines(&self, word: &str) -> usize {
        let said = self.wires.iter().flat_map(|(.., wire)| &wire.said);
        said.filter(|line| line.split(' ').next() == Some(word)).count()
    }

    fn all_know(&self, client: &str) -> bool {
        self.nodes.iter().all(|node| known(node, client).is_some())
    }

    /// Returns whether each node has a cursor at the end of each other's log.
    fn all_is_heard(&self) -> bool {
        self.nodes.iter().all(|node| {
            node.neighbours().all(|(id, name)| {
                let sender = self.nodes.iter().find(|other| other.name == name).expect("a node");
                let cursor = node.neighbours[id].cursor;
                cursor == Cursor { epoch: sender.epoch, sequence: sender.table.head() }
            })
        })
    }
}

#[test]
fn after_the_first_update_of_each_origin_an_update_takes_one_line_for_each_node() {
    let mut mesh = Mesh::new(4);
    for origin in 0..4 {
        let first = mesh.report(origin, &format!("first-{origin}"));
        assert!(first <= 9, "{first} lines: more than two for each link that is not needed");
    }
    for number in 0..40 {
        assert_eq!(mesh.report(number % 4, &format!("c{number}")), 3);
        assert!(mesh.all_know(&format!("c{number}")));
    }
}

#[test]
fn what_is_left_out_is_announced_and_confirmed_without_being_sent() {
    let mut mesh = Mesh::new(4);
    for origin in 0..4 {
        mesh.report(origin, &format!("first-{origin}"));
    }
    mesh.pass(seconds(1.0));
    let before = mesh.updates();
    for number in 0..40 {
        mesh.report(number % 4, &format!("c{number}"));
        mesh.pass(TICK);
    }
    assert!(!mesh.all_is_heard());
    mesh.pass(seconds(1.0));
    assert_eq!(mesh.updates() - before, 40 * 3);
    assert!(mesh.all_is_heard(), "{:?}", mesh.wires);
    assert!(mesh.lines("HAVE") > 0);
    assert_eq!(mesh.lines("WANT"), 0);
    assert_eq!(mesh.nodes.iter().map(|node| node.counters().repairs).sum::<u64>(), 0);
}

#[test]
fn an_update_that_the_tree_lost_comes_from_elsewhere_which_becomes_the_tree() {
    let mut mesh = Mesh::with_tree_of_alford();
    mesh.pass(seconds(1.0));
    mesh.hole = Some((0, 2));
    mesh.report(0, "lost");
    assert_eq!(known(&mesh.nodes[2], "lost"), None);
    let since = mesh.now;
    while known(&mesh.nodes[2], "lost").is_none() {
        mesh.pass(TICK);
        assert!(mesh.now < since + seconds(0.25), "the update is still missing after 250 ms");
    }
    assert_eq!(mesh.nodes[2].counters().repairs, 1);
    mesh.report(0, "next");
    assert!(known(&mesh.nodes[2], "next").is_some(), "the new parent sends at once");
}

#[test]
fn now_and_then_another_neighbour_is_tried_and_stays_if_it_is_faster() {
    let mut mesh = Mesh::with_tree_of_alford();
    mesh.slow = Some((0, 2));
    mesh.pass(seconds(6.0));
    for number in 0..1_000 {
        mesh.report(0, &format!("c{number}"));
    }
    mesh.report(0, "trial");
    assert_eq!(mesh.lines("GRAFT"), 2, "Bolden and Hamilton try each other");
    for number in 0..1_000 {
        assert_eq!(mesh.report(0, &format!("d{number}")), 2);
    }
    assert_eq!(mesh.lines("GRAFT"), 2, "another trial comes after five seconds at the earliest");
    mesh.hole = Some((0, 2));
    mesh.report(0, "last");
    assert!(mesh.all_know("last"), "Hamilton still has Alford as its parent, which is slower");
}

#[test]
fn what_may_still_come_over_the_tree_is_not_asked_for() {
    let mut mesh = Mesh::with_tree_of_alford();
    let [_, (_, _, from_alford), (_, _, from_bolden)] = &mut mesh.wires[..] else { panic!("no links") };
    let hamilton = &mut mesh.nodes[2];
    let window = |line: &str| At::parse(line.as_bytes()).unwrap().window();
    let line = |client: u64| format!("AT Alford +0.000000000 late-{client} +1+1 1000000000.{client:03}");
    let announced = format!("HAVE 99 Alford {} 00000000000000ff", window(&line(999)));
    let mut now = mesh.now;
    from_bolden.ends[1].receive(hamilton, announced.as_bytes(), now, NOW).unwrap();
    let mut asks = |hamilton: &mut Node, now| {
        let mut out = Vec::new();
        from_bolden.ends[1].transmit(hamilton, now, NOW, &mut out).unwrap();
        String::from_utf8(out).unwrap().contains("WANT")
    };
    for client in 0..100 {
        now += TICK;
        from_alford.ends[1].receive(hamilton, line(client).as_bytes(), now, NOW).unwrap();
        assert!(!asks(hamilton, now), "the tree has got to window {}", window(&line(client)));
    }
    assert!(asks(hamilton, now + seconds(0.1)), "nothing has come for 100 ms");
}

#[test]
fn a_neighbour_whose_parent_is_gone_gets_everything_from_the_others_at_once() {
    let mut mesh = Mesh::with_tree_of_alford();
    let place = mesh.wires.iter().position(|(low, high, _)| (*low, *high) == (0, 2)).unwrap();
    let (low, high, wire) = mesh.wires.remove(place);
    let [a, b] = mesh.nodes.get_disjoint_mut([low, high]).unwrap();
    wire.cut([a, b]);
    mesh.settle();
    mesh.report(0, "third");
    assert!(mesh.all_know("third"));
    assert_eq!(mesh.nodes[2].counters().repairs, 0);
}

#[test]
fn a_node_that_stops_sends_what_it_has_left_out() {
    let mut mesh = Mesh::new(3);
    mesh.report(0, "first");
    mesh.hole = Some((0, 2));
    mesh.report(0, "lost");
    mesh.hole = None;
    for (low, high, wire) in &mut mesh.wires {
        if (*low, *high) == (1, 2) {
            wire.ends[0].send_all();
        }
    }
    mesh.settle();
    assert!(mesh.all_know("lost"));
}

#[test]
fn only_links_that_have_something_to_do_are_woken() {
    let mut mesh = Mesh::with_tree_of_alford();
    mesh.pass(seconds(1.0));
    mesh.nodes[1].take_growth();
    mesh.settle();
    let [(_, _, wire), ..] = &mut mesh.wires[..] else { panic!("no links") };
    let bolden = &mut mesh.nodes[1];
    let woken = |bolden: &mut Node| {
        let woken = bolden.take_growth();
        let woken = bolden.neighbours().filter(|(id, _)| woken.contains(id));
        woken.map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
    };
    let mut hear = |bolden: &mut Node, client: &str| {
        let line = format!("AT Alford +0.000000000 {client} +1+1 1");
        wire.ends[1].receive(bolden, line.as_bytes(), mesh.now, NOW).unwrap();
    };
    // Hamilton gets it from Alford. The link has something to announce, and then looks by itself.
    hear(bolden, "third");
    assert_eq!(woken(bolden), ["Hamilton"]);
    hear(bolden, "fourth");
    assert_eq!(woken(bolden), [""; 0]);
    say(bolden, "IAMAT own +1+1 1");
    assert_eq!(woken(bolden), ["Alford", "Hamilton"]);
    assert_eq!(woken(bolden), [""; 0]);
}

#[test]
fn a_neighbour_that_announces_or_answers_nonsense_loses_its_link() {
    let windows = |count: u64| {
        let windows: Vec<String> =
            (0..count).map(|number| format!("Alford {number} {number:016x}")).collect();
        format!("HAVE 0 {}", windows.join(" "))
    };
    let cases = [windows(70_000), "GAVE".to_owned(), "GAVE Alford 7 0000000000000001".to_owned()];
    for line in cases {
        let mut mesh = Mesh::new(2);
        let (_, _, wire) = &mut mesh.wires[0];
        let heard = wire.ends[0].receive(&mut mesh.nodes[0], line.as_bytes(), START, NOW);
        assert!(matches!(heard, Err(LinkEnd::Framing(_))), "{line}: {heard:?}");
    }
    let mut mesh = Mesh::new(2);
    let (_, _, wire) = &mut mesh.wires[0];
    for line in ["PRUNE Nobody", "GRAFT Nobody", "WANT 99 Alford 1 Nobody 2", "HAVE 5"] {
        assert_eq!(wire.ends[0].receive(&mut mesh.nodes[0], line.as_bytes(), START, NOW), Ok(None));
    }
}
