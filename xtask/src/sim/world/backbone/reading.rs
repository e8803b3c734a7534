//! Takes the place of the task of a node that reads what other regions have received.

use std::hash::Hash;
use std::time::Duration;

use herd::backbone::pace::{ASK, PATIENCE, PAUSE};
use herd::backbone::{AgainRequest, Next, Start, is_heard};
use herd::message::Update;
use herd::node::PRELOADED;

use super::{LATE, World};
use crate::sim::backbone::{Asker, BackboneFaultKind, Consumer, Message, REPLICAS, Reading, Step};

impl World<'_> {
    pub(super) fn reading(&mut self, machine: usize) -> Option<&mut Reading> {
        self.member(machine)?.reading.as_mut()
    }

    /// Begins to read after what the node has read.
    pub(super) fn begin_reading(&mut self, machine: usize) {
        if !self.reaches_servers(machine) {
            return self.schedule_step(machine, PATIENCE + PAUSE, Step::BeginReading);
        }
        let state = self.backbone.stream().state();
        let replica = self.backbone.rng.usize(..REPLICAS);
        let Some(process) = &mut self.machines[machine].process else { return };
        let reading = process.member.as_mut().and_then(|member| member.reading.as_mut());
        let Some(reading) = reading else { return };
        let (from, start) = reading.reader.begin(&mut process.node, state);
        reading.consumer = Some(Consumer { epoch: state.epoch, replica, next: from, is_due: true });
        let attempt = reading.attempts;
        if start == Start::NewStream {
            let left = process.node.left_to_publish();
            self.publish_again(machine, left);
        }
        self.schedule_step(machine, Duration::ZERO, Step::Deliver { attempt });
        self.schedule_step(machine, Duration::ZERO, Step::Ask { attempt });
    }

    fn fail_to_read(&mut self, machine: usize) {
        let Some(reading) = self.reading(machine) else { return };
        if reading.consumer.take().is_some() {
            reading.attempts += 1;
            self.schedule_step(machine, PAUSE, Step::BeginReading);
        }
    }

    /// Ends all reads.
    pub(super) fn end_reads(&mut self) {
        (0..self.machines.len()).for_each(|machine| self.fail_to_read(machine));
    }

    /// Lets all readers notice after a while that the servers do not answer.
    pub(super) fn expect_heartbeats(&mut self, after: Duration) {
        for machine in 0..self.machines.len() {
            if let Some(reading) = self.reading(machine) {
                let attempt = reading.attempts;
                self.schedule_step(machine, after, Step::Heartbeat { attempt });
            }
        }
    }

    pub(super) fn check_heartbeat(&mut self, machine: usize) {
        let epoch = self.backbone.stream.as_ref().map(|stream| stream.epoch);
        let is_reachable = self.reaches_servers(machine);
        let consumer = self.reading(machine).and_then(|reading| reading.consumer.as_ref());
        if consumer.is_some_and(|consumer| !is_reachable || Some(consumer.epoch) != epoch) {
            self.fail_to_read(machine);
        }
    }

    /// Lets all readers that wait look for messages.
    pub(super) fn wake_readers(&mut self) {
        for machine in 0..self.machines.len() {
            let Some(reading) = self.reading(machine) else { continue };
            let attempt = reading.attempts;
            let Some(consumer) = reading.consumer.as_mut().filter(|consumer| !consumer.is_due) else {
                continue;
            };
            consumer.is_due = true;
            let after = self.backbone.trip() + self.lateness();
            self.schedule_step(machine, after, Step::Deliver { attempt });
        }
    }

    fn lateness(&mut self) -> Duration {
        let is_late = self.backbone.has(BackboneFaultKind::Late);
        if is_late { self.backbone.up_to(LATE) } else { Duration::ZERO }
    }

    /// Takes the next message of the reader's replica.
    pub(super) fn deliver(&mut self, machine: usize) {
        let now = self.now;
        let is_reachable = self.reaches_servers(machine);
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(reading) = process.member.as_mut().and_then(|member| member.reading.as_mut()) else {
            return;
        };
        let attempt = reading.attempts;
        let Some(consumer) = &mut reading.consumer else { return };
        if now < reading.asks_until {
            let after = reading.asks_until - now;
            return self.schedule_step(machine, after, Step::Deliver { attempt });
        }
        consumer.is_due = false;
        let stream = self.backbone.stream.as_ref();
        let stream = stream.filter(|stream| is_reachable && stream.epoch == consumer.epoch);
        let next = stream.and_then(|stream| stream.next(consumer.replica, consumer.next));
        let Some((sequence, message)) = next else { return };
        consumer.is_due = true;
        consumer.next = sequence + 1;
        match reading.reader.check(sequence) {
            (Next::Known, _) => {}
            (Next::Hole(_), _) => return self.fail_to_read(machine),
            (Next::Apply, lost) => {
                self.apply(machine, sequence, &message);
                if lost > 0 {
                    self.schedule_step(machine, Duration::ZERO, Step::Ask { attempt });
                }
            }
        }
        let after = self.backbone.trip() / 4 + self.lateness();
        self.schedule_step(machine, after, Step::Deliver { attempt });
    }

    fn apply(&mut self, machine: usize, sequence: u64, message: &Message) {
        message.lines.hash(&mut self.trace);
        let clock = self.machines[machine].clock(self.now);
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(reading) = process.member.as_mut().and_then(|member| member.reading.as_mut()) else {
            return;
        };
        let head = process.node.table().head();
        process.node.hear_forgotten(message.header.forgotten, clock);
        let lines: Vec<&[u8]> = message.lines.split(|byte| *byte == b'\n').collect();
        let is_known = is_heard(&process.node, &self.names[message.node], &message.header);
        for lines in lines.chunks(PRELOADED).filter(|_| !is_known) {
            let updates: Vec<Update<'_>> = lines.iter().filter_map(|line| Update::parse(line)).collect();
            process.node.apply_from_backbone(&updates, clock);
        }
        reading.reader.note_header(self.names[message.node].clone(), message.header);
        reading.reader.note_applied(&mut process.node, sequence);
        if process.node.table().head() > head {
            self.changed(machine, head);
        }
    }

    /// Asks other regions to publish again what this one may lack.
    pub(super) fn ask_regions(&mut self, machine: usize) {
        let now = self.now;
        let life = self.machines[machine].lives;
        let Some(reading) = self.reading(machine) else { return };
        let attempt = reading.attempts;
        let Some(since) = reading.reader.lacks().cloned() else { return };
        reading.asks_until = now + PATIENCE;
        self.schedule_step(machine, ASK, Step::Ask { attempt });
        if !self.reaches_servers(machine) {
            return;
        }
        let region = self.plan.region_of(machine);
        let request = AgainRequest { region: region.to_string(), since };
        let asker = Asker { machine, life, attempt };
        for other in 0..self.machines.len() {
            let hears = self.plan.is_reader(other)
                && self.plan.region_of(other) != region
                && self.reaches_servers(other);
            let Some(member) = self.member(other).filter(|_| hears) else { continue };
            // It listens while it can publish.
            if member.attempt.is_some() {
                let attempt = member.attempts;
                let step = Step::Request { attempt, asker, request: request.clone() };
                let after = self.backbone.trip();
                self.schedule_step(other, after, step);
            }
        }
    }

    pub(super) fn take_answer(&mut self, machine: usize) {
        let now = self.now;
        let Some(process) = &mut self.machines[machine].process else { return };
        let reading = process.member.as_mut().and_then(|member| member.reading.as_mut());
        if let Some(reading) = reading.filter(|reading| now <= reading.asks_until) {
            reading.reader.note_answered(&mut process.node);
            reading.asks_until = now;
        }
    }
}
