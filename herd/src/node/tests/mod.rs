//! Tests of nodes without a runtime: they pass times and bytes by hand.

mod bulk_sync;
mod bulk_sync_answers;
mod clients;
mod clocks;
mod counts;
mod divergence;
mod duplicates;
mod forgetting;
mod heartbeats;
mod lag;
mod links;
mod packing;
mod removal;
mod rivals;
mod samples;
mod trees;
mod versions;

use std::time::Duration;

use super::*;
use crate::message::Time;

const NOW: Time = Time { seconds: 2_000_000_000, nanoseconds: 0 };

fn node_of_life(name: &str, neighbours: &[&str], life: u64) -> Node {
    let neighbours: Vec<String> = neighbours.iter().map(ToString::to_string).collect();
    Node::new(name, &neighbours, Limits::default(), Lives { epoch: life, incarnation: life, hash_seed: 0 })
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

/// Returns a node's line for a client, or an empty one.
fn known(node: &Node, client: &str) -> Option<String> {
    let id = crate::message::ClientId::parse(client.as_bytes()).unwrap();
    node.table().get(id).map(|record| String::from_utf8(record.line().to_vec()).unwrap())
}

/// A connection between two nodes; the first one dialled it.
#[derive(Debug)]
struct Wire {
    ends: [Link; 2],
    ended: [Option<LinkEnd>; 2],
    /// The lines that are under way to each end.
    pipes: [Vec<u8>; 2],
    /// The wall clock of each end at the start.
    clocks: [Time; 2],
    /// Every line that was delivered.
    said: Vec<String>,
    /// The events at each end.
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

    /// Lets one end write. What it writes is delivered later.
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

    /// Delivers everything that is under way to one end.
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

    /// Lets both ends write and read until nothing is under way.
    fn settle(&mut self, nodes: [&mut Node; 2], now: Duration) {
        let [a, b] = nodes;
        loop {
            self.transmit(0, a, now);
            self.transmit(1, b, now);
            if self.pipes.iter().all(Vec::is_empty) {
                // One of them may have more work than it does at once.
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

    /// Ends the connection at both ends, as when it is lost.
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
