//! Dials, accepts, reads, writes and closes the connections between machines.

use std::hash::Hash;
use std::time::Duration;

use herd::message::{Lines, Piece};
use herd::node::{Link, LinkEnd, LinkEvent, LinkId};

use super::{Event, World};
use crate::oracle::EventKind;
use crate::sim::plan::Plan;
use crate::sim::process::{Dialling, End, SimMachine};
use crate::sim::wire::{Segment, Wire};

impl World<'_> {
    pub(super) fn dial(&mut self, machine: usize, place: usize) {
        let process = self.process(machine);
        let id = process.neighbour_id(place);
        if process.node.is_linked(id) {
            process.dialling[place] = Dialling::Linked;
            return;
        }
        process.dialling[place] = Dialling::Busy;
        let to = self.machines[machine].neighbours[place];
        let there = self.latency(machine, to);
        if self.active_faults.is_hole(machine, to) || self.active_faults.is_hole(to, machine) {
            return self.dial_again(machine, place, self.limits.link_silence);
        }
        if self.active_faults.is_cut(machine, to) || self.machines[to].process.is_none() {
            return self.dial_again(machine, place, there);
        }
        self.next_wire += 1;
        let wire = self.next_wire;
        let lives = [self.machines[machine].lives, self.machines[to].lives];
        self.wires.insert(wire, Wire::new([machine, to], lives, self.plan.window));
        self.add_end(machine, wire, 0, Some(place));
        self.schedule(self.now + there, Event::Accept { wire });
    }

    fn dial_again(&mut self, machine: usize, place: usize, after: Duration) {
        let random = self.rng.u64(..);
        let process = self.process(machine);
        let wait = process.node.next_dial(process.neighbour_id(place), random);
        let life = self.machines[machine].lives;
        self.schedule(self.now + after + wait, Event::Dial { machine, life, place });
    }

    pub(super) fn accept(&mut self, wire: u64) {
        let Some(found) = self.wires.get(&wire) else { return };
        let (machine, life) = (found.machines[1], found.lives[1]);
        if self.is_life(machine, life) {
            self.add_end(machine, wire, 1, None);
            self.schedule_now(Event::Arrive { wire, side: 1 });
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
        self.schedule_now(Event::Wake { machine, life, wire });
    }

    /// Checks the link of an end, sends what is due on it, and schedules its next wake-up.
    pub(super) fn wake(&mut self, machine: usize, wire: u64) {
        let (now, clock) = (self.now, self.machines[machine].clock(self.now));
        loop {
            let SimMachine { process, memory, .. } = &mut self.machines[machine];
            let process = process.as_mut().expect("only a running process wakes");
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
        // A wake-up that is already scheduled is enough unless it is later than the deadline.
        if end.wake <= now || deadline < end.wake {
            end.wake = deadline;
            let life = self.machines[machine].lives;
            self.schedule(deadline, Event::Wake { machine, life, wire });
        }
    }

    /// Sends as many bytes of an end's output as the window admits. Returns their number.
    fn send(&mut self, machine: usize, wire: u64) -> usize {
        let Some(end) =
            self.machines[machine].process.as_mut().and_then(|process| process.ends.get_mut(&wire))
        else {
            return 0;
        };
        let Some(connection) = self.wires.get_mut(&wire) else { return 0 };
        let to = 1 - end.side;
        let (from, towards) = (connection.machines[end.side], connection.machines[to]);
        let delay = self.active_faults.delay(from, towards);
        let now = self.now;
        let plan = self.plan;
        let mut rng = self.rng.fork();
        let arrival = || now + plan.latency + plan.jitter.mul_f64(rng.f64()) + delay;
        let (sent, times) = connection.send(to, &end.out[end.sent..], arrival, &mut self.rng);
        end.sent += sent;
        times.into_iter().for_each(|at| self.schedule(at, Event::Arrive { wire, side: to }));
        sent
    }

    pub(super) fn send_end(&mut self, wire: u64, to: usize) {
        let Some(connection) = self.wires.get(&wire) else { return };
        let at = self.now + self.latency(connection.machines[0], connection.machines[1]);
        if let Some(connection) = self.wires.get_mut(&wire) {
            let at = connection.end(to, at);
            self.schedule(at, Event::Arrive { wire, side: to });
        }
    }

    fn latency(&mut self, one: usize, other: usize) -> Duration {
        let Plan { latency, jitter, .. } = self.plan;
        *latency + jitter.mul_f64(self.rng.f64()) + self.active_faults.delay(one, other)
    }

    /// Reads the next segment that has arrived at one side of a connection.
    pub(super) fn arrive(&mut self, wire: u64, side: usize) {
        let now = self.now;
        let Some(connection) = self.wires.get_mut(&wire) else { return };
        let (machine, from) = (connection.machines[side], connection.machines[1 - side]);
        if self.active_faults.is_hole(from, machine) {
            return;
        }
        let lives = connection.lives;
        let was_full = connection.is_full(side);
        if !self.machines[machine].process.as_ref().is_some_and(|process| process.ends.contains_key(&wire)) {
            // This side has not been accepted yet, or is closed already.
            return;
        }
        let Some(segment) = self.wires.get_mut(&wire).and_then(|connection| connection.receive(side, now))
        else {
            return;
        };
        segment.hash(&mut self.trace);
        match segment {
            Segment::Bytes(bytes) => self.take_bytes(machine, wire, &bytes),
            Segment::End => {
                self.close(machine, wire, &LinkEnd::Connection("connection lost".to_owned()));
            }
        }
        if was_full {
            let life = lives[1 - side];
            self.schedule_now(Event::Wake { machine: from, life, wire });
        }
        self.schedule_arrived(wire, side);
    }

    /// Schedules the next segment now if it arrived at the same time as the last one.
    fn schedule_arrived(&mut self, wire: u64, side: usize) {
        let now = self.now;
        if self.wires.get(&wire).is_some_and(|connection| connection.has_arrived(side, now)) {
            self.schedule_now(Event::Arrive { wire, side });
        }
    }

    /// Gives bytes from a neighbour to the link, line by line. An incomplete line waits for its
    /// rest.
    pub(super) fn take_bytes(&mut self, machine: usize, wire: u64, bytes: &[u8]) {
        let (now, clock) = (self.now, self.machines[machine].clock(self.now));
        let process = self.process(machine);
        let head = process.node.table().head();
        let Some(end) = process.ends.get_mut(&wire) else { return };
        end.lines.room().extend_from_slice(bytes);
        let mut result = Ok(());
        let mut wakes_all = false;
        let mut repaired = None;
        while let Some(piece) = end.lines.next_line() {
            let Piece::Line(line) = piece else {
                result = Err(LinkEnd::Framing("a line too long for a link".to_owned()));
                break;
            };
            match end.link.receive(&mut process.node, line, now, clock) {
                Ok(Some(LinkEvent::Repaired)) => repaired = end.link.neighbour(),
                // The link may have replaced another one, or a bulk sync may begin.
                Ok(Some(LinkEvent::Up { .. } | LinkEvent::BulkOver)) => wakes_all = true,
                Ok(
                    None
                    | Some(
                        LinkEvent::Update { .. }
                        | LinkEvent::Synced
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
        if let Some(neighbour) = repaired {
            let place = self.process(machine).neighbour(neighbour);
            let neighbour = self.machines[machine].neighbours[place];
            self.add_event(EventKind::Repaired { node: machine, neighbour });
        }
        let life = self.machines[machine].lives;
        match result {
            Err(reason) => self.close(machine, wire, &reason),
            Ok(()) if wakes_all => self.wake_all_links(machine),
            Ok(()) => self.schedule_now(Event::Wake { machine, life, wire }),
        }
    }

    /// Closes one end, and dials again if there is no link with the neighbour now.
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
            self.add_event(EventKind::LinkDown { node: machine, neighbour, reason: reason.to_string() });
        }
        let to = 1 - end.side;
        let at = self.now + self.plan.latency;
        if let Some(connection) = self.wires.get_mut(&wire) {
            let (_, times) = connection.send(to, &end.out[rest..], || at, &mut self.rng);
            times.into_iter().for_each(|at| self.schedule(at, Event::Arrive { wire, side: to }));
        }
        self.send_end(wire, to);
        // The other links may have to bring what this one brought.
        self.wake_all_links(machine);
        unlinked.into_iter().for_each(|place| self.schedule_now(Event::Dial { machine, life, place }));
        if let Some(place) = end.dialled {
            self.dial_again(machine, place, Duration::ZERO);
        }
    }

    /// Resets all connections between two machines.
    pub(super) fn reset_between(&mut self, one: usize, other: usize) {
        let between =
            |connection: &Wire| connection.machines == [one, other] || connection.machines == [other, one];
        let wires: Vec<u64> =
            self.wires.iter().filter(|(_, connection)| between(connection)).map(|(wire, _)| *wire).collect();
        for wire in wires {
            let Some(connection) = self.wires.remove(&wire) else { continue };
            for side in 0..2 {
                let machine = connection.machines[side];
                if self.is_life(machine, connection.lives[side])
                    && self.process(machine).ends.contains_key(&wire)
                {
                    self.close(machine, wire, &LinkEnd::Connection("reset".to_owned()));
                }
            }
        }
    }
}
