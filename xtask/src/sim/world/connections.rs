//! Connections: dialled, accepted, written to, read from, closed.

use std::hash::Hash;
use std::time::Duration;

use herd::message::{Lines, Piece as LinePiece};
use herd::node::{Link, LinkEnd, LinkEvent, LinkId, Outcome};

use super::{Event, World};
use crate::oracle::What;
use crate::sim::plan::Plan;
use crate::sim::process::{Dialling, End, Machine};
use crate::sim::wire::{Piece, Wire};

impl World<'_> {
    pub(super) fn dial(&mut self, machine: usize, place: usize) {
        let (process, other) = (self.process(machine), place);
        let id = process.neighbour_id(other);
        if process.node.is_linked(id) {
            process.dialling[place] = Dialling::Linked;
            return;
        }
        process.dialling[place] = Dialling::Busy;
        let to = self.machines[machine].neighbours[place];
        let there = self.latency(machine, to);
        if self.broken.is_hole(machine, to) || self.broken.is_hole(to, machine) {
            return self.dial_again(machine, place, self.limits.link_silence);
        }
        if self.broken.is_cut(machine, to) || self.machines[to].process.is_none() {
            return self.dial_again(machine, place, there);
        }
        self.next_wire += 1;
        let wire = self.next_wire;
        let lives = [self.machines[machine].lives, self.machines[to].lives];
        self.wires.insert(wire, Wire::new([machine, to], lives, self.plan.window));
        self.add_end(machine, wire, 0, Some(place));
        self.at(self.now + there, Event::Accept { wire });
    }

    fn dial_again(&mut self, machine: usize, place: usize, after: Duration) {
        let random = self.rng.u64(..);
        let process = self.process(machine);
        let wait = process.node.next_dial(process.neighbour_id(place), random);
        let life = self.machines[machine].lives;
        self.at(self.now + after + wait, Event::Dial { machine, life, place });
    }

    pub(super) fn accept(&mut self, wire: u64) {
        let Some(found) = self.wires.get(&wire) else { return };
        let (machine, life) = (found.machines[1], found.lives[1]);
        if self.is_life(machine, life) {
            self.add_end(machine, wire, 1, None);
            self.soon(Event::Arrive { wire, side: 1 });
        } else {
            self.send_end(wire, 0);
        }
    }

    fn add_end(&mut self, machine: usize, wire: u64, side: usize, dialled: Option<usize>) {
        let now = self.now;
        let lines = Lines::new(self.limits.link_line_bytes);
        let process = self.process(machine);
        let link = match dialled {
            Some(place) => Link::dialled(LinkId(wire), process.neighbour_id(place), now),
            None => Link::accepted(LinkId(wire), now),
        };
        let end = End { link, dialled, side, lines, out: Vec::new(), sent: 0, wake: Duration::MAX };
        process.ends.insert(wire, end);
        let life = self.machines[machine].lives;
        self.soon(Event::Wake { machine, life, wire });
    }

    /// Lets an end look after its link: says what is due, and when to be woken again.
    pub(super) fn wake(&mut self, machine: usize, wire: u64) {
        let (now, clock) = (self.now, self.machines[machine].clock(self.now));
        loop {
            let Machine { process, memory, .. } = &mut self.machines[machine];
            let process = process.as_mut().expect("a process that wakes");
            let Some(end) = process.ends.get_mut(&wire) else { return };
            let mut result = end.link.check_alive(&process.node, now);
            if result.is_ok() && end.sent == end.out.len() {
                end.out.clear();
                end.sent = 0;
                result = end.link.transmit(&mut process.node, now, clock, &mut end.out);
                self.messages += u64::from(!end.out.is_empty());
                *memory = (*memory).max(end.out.len());
            }
            if let Err(reason) = result {
                return self.close(machine, wire, &reason);
            }
            if self.send(machine, wire) == 0 {
                break;
            }
        }
        let process = self.process(machine);
        let Some(end) = process.ends.get_mut(&wire) else { return };
        let deadline = end.link.deadline(&process.node, end.sent < end.out.len());
        // A wake-up that is on its way will do, unless it comes too late.
        if end.wake <= now || deadline < end.wake {
            end.wake = deadline;
            let life = self.machines[machine].lives;
            self.at(deadline, Event::Wake { machine, life, wire });
        }
    }

    /// Sends as much as the wire takes of what an end has to say. Returns how many bytes that was.
    fn send(&mut self, machine: usize, wire: u64) -> usize {
        let Some(end) =
            self.machines[machine].process.as_mut().and_then(|process| process.ends.get_mut(&wire))
        else {
            return 0;
        };
        let Some(way) = self.wires.get_mut(&wire) else { return 0 };
        let to = 1 - end.side;
        let (from, towards) = (way.machines[end.side], way.machines[to]);
        let delay = self.broken.delay(from, towards);
        let (now, plan, mut chance) = (self.now, self.plan, self.rng.fork());
        let arrival = || now + plan.latency + plan.jitter.mul_f64(chance.f64()) + delay;
        let (sent, times) = way.send(to, &end.out[end.sent..], arrival, &mut self.rng);
        end.sent += sent;
        times.into_iter().for_each(|at| self.at(at, Event::Arrive { wire, side: to }));
        sent
    }

    pub(super) fn send_end(&mut self, wire: u64, to: usize) {
        let Some(way) = self.wires.get(&wire) else { return };
        let at = self.now + self.latency(way.machines[0], way.machines[1]);
        if let Some(way) = self.wires.get_mut(&wire) {
            let at = way.end(to, at);
            self.at(at, Event::Arrive { wire, side: to });
        }
    }

    fn latency(&mut self, one: usize, other: usize) -> Duration {
        let Plan { latency, jitter, .. } = self.plan;
        *latency + jitter.mul_f64(self.rng.f64()) + self.broken.delay(one, other)
    }

    /// Takes what has arrived at one side of a wire.
    pub(super) fn arrive(&mut self, wire: u64, side: usize) {
        let now = self.now;
        let Some(way) = self.wires.get_mut(&wire) else { return };
        let (machine, from) = (way.machines[side], way.machines[1 - side]);
        if self.broken.is_hole(from, machine) {
            return;
        }
        let (lives, was_full) = (way.lives, way.is_full(side));
        if !self.machines[machine].process.as_ref().is_some_and(|process| process.ends.contains_key(&wire)) {
            // Not accepted yet, or closed already: nobody reads.
            return;
        }
        let Some(piece) = self.wires.get_mut(&wire).and_then(|way| way.receive(side, now)) else { return };
        piece.hash(&mut self.trace);
        match piece {
            Piece::Bytes(bytes) => self.take(machine, wire, &bytes),
            Piece::End => {
                self.close(machine, wire, &LinkEnd::Connection("connection lost".to_owned()));
            }
        }
        if was_full {
            let life = lives[1 - side];
            self.soon(Event::Wake { machine: from, life, wire });
        }
        // There may be more that arrived at the same time.
        self.soon_if_more(wire, side);
    }

    fn soon_if_more(&mut self, wire: u64, side: usize) {
        let now = self.now;
        if self.wires.get(&wire).is_some_and(|way| way.has_arrived(side, now)) {
            self.soon(Event::Arrive { wire, side });
        }
    }

    /// Takes bytes from a neighbour, as many lines of them as are whole.
    pub(super) fn take(&mut self, machine: usize, wire: u64, bytes: &[u8]) {
        let (now, clock) = (self.now, self.machines[machine].clock(self.now));
        let process = self.process(machine);
        let head = process.node.table().head();
        let Some(end) = process.ends.get_mut(&wire) else { return };
        end.lines.room().extend_from_slice(bytes);
        let (mut result, mut up) = (Ok(()), false);
        while let Some(piece) = end.lines.next_line() {
            let LinePiece::Line(line) = piece else {
                result = Err(LinkEnd::Framing("a line too long for a link".to_owned()));
                break;
            };
            match end.link.receive(&mut process.node, line, now, clock) {
                Ok(Some(LinkEvent::Up { .. })) => up = true,
                Ok(
                    None
                    | Some(
                        LinkEvent::Update(Outcome::Fresh | Outcome::Stale)
                        | LinkEvent::Synced
                        | LinkEvent::BulkOver
                        | LinkEvent::ClocksDiffer(_)
                        | LinkEvent::ClocksAgree(_)
                        | LinkEvent::Unacceptable,
                    ),
                ) => {}
                Err(reason) => {
                    result = Err(reason);
                    break;
                }
            }
        }
        self.changed(machine, head);
        let life = self.machines[machine].lives;
        match result {
            Err(reason) => self.close(machine, wire, &reason),
            Ok(()) if up => {
                // One of the other links may have been replaced by this one.
                let wires: Vec<u64> = self.process(machine).ends.keys().copied().collect();
                wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
            }
            Ok(()) => self.soon(Event::Wake { machine, life, wire }),
        }
    }

    /// Closes one end, and sees to it that there is a link again.
    pub(super) fn close(&mut self, machine: usize, wire: u64, reason: &LinkEnd) {
        let life = self.machines[machine].lives;
        let process = self.process(machine);
        let Some(mut end) = process.ends.remove(&wire) else { return };
        let rest = end.sent;
        end.link.close(&mut process.node, reason, &mut end.out);
        let neighbour = end.link.neighbour().map(|id| process.neighbour(id));
        let unlinked: Vec<usize> = (0..process.dialling.len())
            .filter(|place| {
                process.dialling[*place] == Dialling::Linked
                    && !process.node.is_linked(process.neighbour_id(*place))
            })
            .collect();
        for place in &unlinked {
            process.dialling[*place] = Dialling::Busy;
        }
        if let Some(neighbour) = neighbour.filter(|_| end.link.is_complete() && *reason != LinkEnd::Duplicate)
        {
            let neighbour = self.machines[machine].neighbours[neighbour];
            self.note(What::LinkDown { node: machine, neighbour, reason: reason.to_string() });
        }
        let to = 1 - end.side;
        let at = self.now + self.plan.latency;
        if let Some(way) = self.wires.get_mut(&wire) {
            let (_, times) = way.send(to, &end.out[rest..], || at, &mut self.rng);
            times.into_iter().for_each(|at| self.at(at, Event::Arrive { wire, side: to }));
        }
        self.send_end(wire, to);
        unlinked.into_iter().for_each(|place| self.soon(Event::Dial { machine, life, place }));
        if let Some(place) = end.dialled {
            self.dial_again(machine, place, Duration::ZERO);
        }
    }

    /// Resets all connections between two machines.
    pub(super) fn reset_between(&mut self, one: usize, other: usize) {
        let between = |way: &Wire| way.machines == [one, other] || way.machines == [other, one];
        let wires: Vec<u64> =
            self.wires.iter().filter(|(_, way)| between(way)).map(|(wire, _)| *wire).collect();
        for wire in wires {
            let Some(way) = self.wires.remove(&wire) else { continue };
            for side in 0..2 {
                let machine = way.machines[side];
                if self.is_life(machine, way.lives[side]) && self.process(machine).ends.contains_key(&wire) {
                    self.close(machine, wire, &LinkEnd::Connection("reset".to_owned()));
                }
            }
        }
    }
}
