//! Takes the place of the task of a node that publishes what the node received.

use std::time::Duration;

use herd::backbone::pace::{FIRST_PAUSE, IN_FLIGHT, LONGEST_PAUSE, LOOK, PATIENCE};
use herd::backbone::{AgainRequest, Publisher, left_by};
use herd::node::Selection;

use super::{Event, LATE, UnderWay, World};
use crate::sim::backbone::{Asker, Attempt, BackboneEvent, BackboneFaultKind, Message, REPLICAS, Sent, Step};

/// How long updates may wait for others: the default.
const LINGER: Duration = Duration::from_millis(5);

impl World<'_> {
    /// Schedules that what there is to publish is sent.
    pub(in crate::sim::world) fn publish_soon(&mut self, machine: usize) {
        let now = self.now;
        let Some(member) = self.member(machine) else { return };
        let number = member.attempts;
        let Some(attempt) = member.attempt.as_mut().filter(|attempt| !attempt.is_due) else { return };
        attempt.is_due = true;
        let after = attempt.next.saturating_sub(now);
        self.schedule_step(machine, after, Step::Publish { attempt: number });
    }

    /// Begins to publish after what the stream has.
    pub(super) fn begin_publishing(&mut self, machine: usize) {
        let is_reachable = self.reaches_servers(machine);
        let Some(member) = self.member(machine) else { return };
        if !is_reachable {
            member.pause = (2 * member.pause).min(LONGEST_PAUSE);
            let after = PATIENCE + member.pause;
            return self.schedule_step(machine, after, Step::BeginPublishing);
        }
        let replica = self.backbone.rng.usize(..REPLICAS);
        let stream = self.backbone.stream();
        let (state, last) = (stream.state(), stream.last_header(replica, machine));
        let epoch = state.epoch;
        let now = self.now;
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(member) = &mut process.member else { return };
        let mut publisher = Publisher::begin(&process.node, epoch, last);
        for selection in member.unfinished.drain(..) {
            publisher.publish_again(&process.node, selection);
        }
        member.parting.begin(&process.node, &mut publisher, epoch, state.last);
        member.pause = FIRST_PAUSE;
        let sent = Default::default();
        member.attempt = Some(Attempt { epoch, publisher, sent, next: now, is_due: false });
        let attempt = member.attempts;
        self.publish_soon(machine);
        self.schedule_step(machine, Duration::ZERO, Step::Look { attempt });
    }

    fn fail_to_publish(&mut self, machine: usize, after: Duration) {
        let Some(member) = self.member(machine) else { return };
        let Some(attempt) = member.attempt.take() else { return };
        member.unfinished = attempt.publisher.unfinished().cloned().collect();
        member.attempts += 1;
        let after = after + member.pause;
        self.schedule_step(machine, after, Step::BeginPublishing);
    }

    /// Sends what there is to publish, as far as there is room.
    pub(in crate::sim::world) fn publish(&mut self, machine: usize) {
        let now = self.now;
        let life = self.machines[machine].lives;
        loop {
            let Some(process) = &mut self.machines[machine].process else { return };
            let Some(member) = &mut process.member else { return };
            let number_of_attempt = member.attempts;
            let Some(attempt) = &mut member.attempt else { return };
            attempt.is_due = false;
            attempt.next = now + LINGER;
            if attempt.sent.len() >= IN_FLIGHT {
                return;
            }
            let mut lines = Vec::new();
            let header = attempt.publisher.write_message(&process.node, &mut lines);
            let has_more = attempt.publisher.has_more(&process.node);
            if let Some(header) = header {
                self.backbone.next_message += 1;
                let number = self.backbone.next_message;
                attempt.sent.push_back(Sent { number, stored: None });
                let message = Message { node: machine, header, lines };
                let sent = UnderWay { machine, life, attempt: number_of_attempt, message };
                self.backbone.under_way.insert(number, sent);
                let mut after = self.backbone.trip();
                if self.backbone.has(BackboneFaultKind::Drops) {
                    after += self.backbone.up_to(LATE);
                }
                self.schedule(now + after, Event::Backbone(BackboneEvent::Store { number }));
                let overdue = Step::Overdue { attempt: number_of_attempt, number };
                self.schedule_step(machine, PATIENCE, overdue);
            }
            if !has_more {
                return;
            }
        }
    }

    pub(super) fn take_acknowledgement(&mut self, machine: usize, number: u64, sequence: u64) {
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(attempt) = process.member.as_mut().and_then(|member| member.attempt.as_mut()) else {
            return;
        };
        if let Some(sent) = attempt.sent.iter_mut().find(|sent| sent.number == number) {
            sent.stored = Some(sequence);
        }
        // They are noted in the order in which the messages were sent.
        while let Some(sequence) = attempt.sent.front().and_then(|sent| sent.stored) {
            attempt.sent.pop_front();
            if !attempt.publisher.note_stored(sequence) {
                return self.fail_to_publish(machine, Duration::ZERO);
            }
        }
        if attempt.publisher.has_more(&process.node) {
            self.publish_soon(machine);
        }
    }

    pub(super) fn check_overdue(&mut self, machine: usize, number: u64) {
        let attempt = self.member(machine).and_then(|member| member.attempt.as_ref());
        if attempt.is_some_and(|attempt| attempt.sent.front().is_some_and(|sent| sent.number <= number)) {
            self.fail_to_publish(machine, Duration::ZERO);
        }
    }

    /// Checks that the stream is still the same one, and publishes for neighbours that are absent.
    pub(super) fn look(&mut self, machine: usize) {
        if !self.reaches_servers(machine) {
            return self.fail_to_publish(machine, PATIENCE);
        }
        let now = self.now;
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(member) = &mut process.member else { return };
        let Some(attempt) = &member.attempt else { return };
        let stream = self.backbone.stream.as_ref().filter(|stream| stream.epoch == attempt.epoch);
        let Some(stream) = stream else { return self.fail_to_publish(machine, Duration::ZERO) };
        let absent = member.absent.note_links(&process.node, now).into_iter().map(|name| {
            let node = self.names.iter().position(|other| *other == name).unwrap_or_default();
            let last = stream.last_header(self.backbone.rng.usize(..REPLICAS), node);
            left_by(name, last, attempt.epoch)
        });
        let left: Vec<Selection> = absent.collect();
        left.into_iter().for_each(|selection| self.publish_again(machine, selection));
        self.say_shards(machine);
        self.drop_published(machine);
        let Some(member) = self.member(machine) else { return };
        let attempt = member.attempts;
        self.schedule_step(machine, LOOK, Step::Look { attempt });
    }

    /// Takes a request of another region, and answers it.
    pub(super) fn take_request(&mut self, machine: usize, asker: Asker, request: &AgainRequest) {
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(member) = &mut process.member else { return };
        let Some(attempt) = member.attempt.as_mut().filter(|attempt| attempt.epoch == request.stream) else {
            return;
        };
        let answer = member.answers.take(&process.node, &mut attempt.publisher, request);
        let Some(answer) = answer else { return };
        self.publish_soon(machine);
        if self.reaches_servers(machine) && self.reaches_servers(asker.machine) {
            let Asker { machine, life, attempt, ask } = asker;
            let after = self.backbone.trip();
            let step = Step::Answer { attempt, ask, answer };
            let event = BackboneEvent::Step { machine, life, step };
            self.schedule(self.now + after, Event::Backbone(event));
        }
    }

    /// Publishes the selected updates again, now or in the next attempt.
    pub(super) fn publish_again(&mut self, machine: usize, selection: Selection) {
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(member) = &mut process.member else { return };
        match &mut member.attempt {
            Some(attempt) => attempt.publisher.publish_again(&process.node, selection),
            None => member.unfinished.push(selection),
        }
        self.publish_soon(machine);
    }
}
