//! Clients, operators, and what they bring about.

use std::time::Duration;

use super::disk_io::DISK;
use super::{Event, World, micros};
use crate::oracle::{Durability, Update, What};
use crate::sim::process::Promised;

/// How long a client waits before it tries another node, once.
const RETRY: Duration = Duration::from_millis(200);

impl World<'_> {
    pub(super) fn say(&mut self, node: usize, line: String, retries: bool) {
        self.next_op += 1;
        let op = self.next_op;
        self.note(What::Invoke { op, node, line: line.clone() });
        let now = self.machines[node].clock(self.now);
        let Some(process) = &mut self.machines[node].process else {
            self.note(What::Info { op });
            if retries {
                let node = self.machines[node].neighbours[0];
                self.at(self.now + RETRY, Event::Say { node, line, retries: false });
            }
            return;
        };
        let (head, removals) = (process.node.table().head(), process.removals(&line));
        let answer = process.answer(&line, now);
        let sequence = process.node.table().head();
        if removals > 0 {
            self.note(What::Removals { op, removals });
        }
        self.changed(node, head);
        if self.plan.durability == Durability::Always && self.process(node).settled() < sequence {
            self.process(node).promised.push_back(Promised { sequence, op, answer });
        } else {
            self.note(What::Ok { op, answer });
        }
    }

    /// What a change of the table brings about: the journal is written, the disk waited for, and links say what is new.
    pub(super) fn changed(&mut self, machine: usize, old_head: u64) {
        let process = self.machines[machine].process.as_mut().expect("a process that has changed");
        let failed =
            process.journal.as_mut().is_some_and(|journal| journal.write(&mut process.node).is_err());
        for (_, record) in process.node.table().changes_after(old_head) {
            (self.watch)(self.now, machine, &String::from_utf8_lossy(record.line()));
        }
        self.note_sequences(machine, old_head);
        let durability = self.plan.durability;
        let process = self.process(machine);
        let waits = durability == Durability::Always && process.node.table().head() > process.settled();
        let wires: Vec<u64> = process.ends.keys().copied().collect();
        let grown = process.node.table().head() > old_head;
        let life = self.machines[machine].lives;
        if waits && !std::mem::replace(&mut self.process(machine).syncing, true) {
            let at = self.now + DISK.mul_f64(self.rng.f64());
            self.at(at, Event::Sync { machine, life });
        }
        if grown {
            wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
        }
        if failed {
            self.settle(machine);
        }
    }

    /// Notes what a machine that has come back forgot, and no other knows.
    pub(super) fn note_last_copies(&mut self, machine: usize) {
        for line in std::mem::take(&mut self.machines[machine].last_known) {
            let is_lost = Update::parse(&line)
                .is_some_and(|update| !self.machines.iter().any(|machine| machine.knows(&update)));
            if is_lost {
                let since = self.machines[machine].learned.get(&line).copied().unwrap_or_default();
                self.note(What::LastCopyLost { node: machine, line, since });
            }
        }
    }

    pub(super) fn note_sequences(&mut self, machine: usize, since: u64) {
        for (sequence, was, is) in self.machines[machine].note_sequences(since, micros(self.now)) {
            self.note(What::SequenceReused { node: machine, sequence, was, is });
        }
    }
}
