//! Takes the place of the task of a node that reads what other regions have received.

use std::hash::Hash;
use std::time::Duration;

use herd::backbone::pace::{ASK, PATIENCE, PAUSE};
use herd::backbone::{AgainAnswer, AgainRequest, Lengths, Next, Start, StreamState, is_heard};
use herd::message::Update;
use herd::node::PRELOADED;

use super::{LATE, World};
use crate::sim::backbone::{Asker, BackboneFaultKind, Consumer, Message, REPLICAS, Reading, Step};

/// How many messages are read without asking other regions first: fewer than in a node, since the
/// streams of the simulation are short.
const MOST: Lengths = Lengths { first: 5, resumed: 20 };

impl World<'_> {
    pub(super) fn reading(&mut self, machine: usize) -> Option<&mut Reading> {
        self.member(machine)?.reading.as_mut()
    }

    /// Begins to read after what the node has read, or asks other regions first.
    pub(super) fn begin_reading(&mut self, machine: usize) {
        if !self.reaches_servers(machine) {
            return self.schedule_step(machine, PATIENCE + PAUSE, Step::BeginReading);
        }
        let state = self.backbone.stream().state();
        let Some(process) = &mut self.machines[machine].process else { return };
        let reading = process.member.as_mut().and_then(|member| member.reading.as_mut());
        let Some(reading) = reading else { return };
        match reading.reader.asks_first(&process.node, state, MOST) {
            Some(request) => {
                reading.first = Some((state, request.clone()));
                self.ask(machine, &request);
            }
            None => self.begin_reading_at(machine, state, None),
        }
    }

    fn begin_reading_at(
        &mut self,
        machine: usize,
        state: StreamState,
        answered: Option<(AgainRequest, AgainAnswer)>,
    ) {
        if self.backbone.stream.as_ref().is_none_or(|stream| stream.epoch != state.epoch) {
            return self.schedule_step(machine, PAUSE, Step::BeginReading);
        }
        let replica = self.backbone.rng.usize(..REPLICAS);
        let Some(process) = &mut self.machines[machine].process else { return };
        let reading = process.member.as_mut().and_then(|member| member.reading.as_mut());
        let Some(reading) = reading else { return };
        let (from, start) = reading.reader.begin(&mut process.node, state, answered);
        reading.consumer = Some(Consumer { epoch: state.epoch, replica, next: from, is_due: true });
        let attempt = reading.attempts;
        if start == Start::NewStream {
            let left = process.node.left_to_publish();
            self.publish_again(machine, left);
        }
        self.schedule_step(machine, Duration::ZERO, Step::Deliver { attempt });
        self.ask_after(machine, Duration::ZERO);
    }

    fn fail_to_read(&mut self, machine: usize) {
        let Some(reading) = self.reading(machine) else { return };
        if reading.consumer.take().is_some() {
            reading.attempts += 1;
            reading.waits = false;
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
        let is_reachable = self.reaches_servers(machine);
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(reading) = process.member.as_mut().and_then(|member| member.reading.as_mut()) else {
            return;
        };
        let attempt = reading.attempts;
        let Some(consumer) = &mut reading.consumer else { return };
        consumer.is_due = false;
        if reading.waits {
            return;
        }
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
                    self.ask_after(machine, Duration::ZERO);
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
        let skips = is_known && process.node.table().shards().are_all();
        for lines in lines.chunks(PRELOADED).filter(|_| !skips) {
            let updates: Vec<Update<'_>> = lines.iter().filter_map(|line| Update::parse(line)).collect();
            process.node.apply_from_backbone(&updates, clock);
        }
        reading.reader.note_header(self.names[message.node].clone(), message.header);
        reading.reader.note_applied(&mut process.node, sequence);
        if process.node.table().head() > head {
            self.changed(machine, head);
        }
    }

    /// Schedules the next time at which other regions are asked for what this one may lack.
    fn ask_after(&mut self, machine: usize, after: Duration) {
        let now = self.now;
        let Some(reading) = self.reading(machine) else { return };
        reading.ask_at = now + after;
        let attempt = reading.attempts;
        self.schedule_step(machine, after, Step::Ask { attempt });
    }

    /// Asks other regions to publish again what this one may lack.
    pub(super) fn ask_regions(&mut self, machine: usize) {
        let now = self.now;
        let Some(reading) = self.reading(machine).filter(|reading| now >= reading.ask_at) else { return };
        if let Some(request) = reading.reader.lacks().cloned() {
            self.ask(machine, &request);
        }
    }

    /// Sends a request to all nodes of other regions that take some. The reader waits for the first
    /// answer.
    fn ask(&mut self, machine: usize, request: &AgainRequest) {
        let life = self.machines[machine].lives;
        let Some(reading) = self.reading(machine) else { return };
        reading.asks += 1;
        reading.waits = true;
        let asker = Asker { machine, life, attempt: reading.attempts, ask: reading.asks };
        let Asker { attempt, ask, .. } = asker;
        self.schedule_step(machine, PATIENCE, Step::Unanswered { attempt, ask });
        if !self.reaches_servers(machine) {
            return;
        }
        let region = self.plan.region_of(machine);
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

    /// Takes the first answer; `None` if there was none in time.
    pub(super) fn take_answer(&mut self, machine: usize, ask: u64, answer: Option<AgainAnswer>) {
        let Some(process) = &mut self.machines[machine].process else { return };
        let reading = process.member.as_mut().and_then(|member| member.reading.as_mut());
        let Some(reading) = reading.filter(|reading| reading.waits && reading.asks == ask) else { return };
        reading.waits = false;
        if let Some((state, request)) = reading.first.take() {
            return self.begin_reading_at(machine, state, answer.map(|answer| (request, answer)));
        }
        match answer {
            Some(answer) => reading.reader.note_answer(&mut process.node, answer),
            None if reading.reader.note_unanswered() => return self.fail_to_read(machine),
            None => {}
        }
        let attempt = reading.attempts;
        if let Some(consumer) = reading.consumer.as_mut().filter(|consumer| !consumer.is_due) {
            consumer.is_due = true;
            self.schedule_step(machine, Duration::ZERO, Step::Deliver { attempt });
        }
        self.ask_after(machine, if answer.is_some() { PAUSE } else { ASK });
    }
}
