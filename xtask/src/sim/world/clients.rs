//! Lines of clients and operators, and the changes that they cause.

use std::time::Duration;

use super::{Event, World, micros};
use crate::oracle::{EventKind, Update};
use crate::sim::process::{End, Promised, line_of};

/// The time after which a client sends its line to another node, once.
const RETRY: Duration = Duration::from_millis(200);

impl World<'_> {
    /// Sends a line to a node. If no process runs there and `retries` is true, the line is sent to
    /// a neighbour later, or to the next node if it has none.
    pub(super) fn send_line(&mut self, node: usize, line: String, retries: bool) {
        self.next_op += 1;
        let op = self.next_op;
        self.add_event(EventKind::Invoke { op, node, line: line.clone() });
        let now = self.machines[node].clock(self.now);
        let Some(process) = &mut self.machines[node].process else {
            self.add_event(EventKind::Info { op });
            if retries {
                let next = (node + 1) % self.machines.len();
                let node = self.machines[node].neighbours.first().copied().unwrap_or(next);
                self.schedule(self.now + RETRY, Event::ClientLine { node, line, retries: false });
            }
            return;
        };
        let head = process.node.table().head();
        let removals = process.removals(&line);
        let (answer, sequence) = process.answer(&line, now);
        if removals > 0 {
            self.add_event(EventKind::Removals { op, removals });
        }
        self.changed(node, head);
        if self.process(node).settled() < sequence {
            // A WHATSAT may show a record that earlier answers wait for.
            let sequence = self.process(node).promised.back().map_or(0, |last| last.sequence).max(sequence);
            self.process(node).promised.push_back(Promised { sequence, op, answer });
        } else {
            self.add_event(EventKind::Ok { op, answer });
        }
    }

    /// Reacts to changes of the table since `old_head`: writes the journal, and wakes the links.
    pub(super) fn changed(&mut self, machine: usize, old_head: u64) {
        let process = self.machines[machine].process.as_mut().expect("only a running process changes");
        for (_, record) in process.node.table().changes_after(old_head) {
            (self.learned)(self.now, machine, &line_of(record));
        }
        let grown = process.node.table().head() > old_head;
        self.machines[machine].keep_learned(old_head, micros(self.now));
        self.add_reused_sequences(machine);
        self.write_journal(machine);
        if grown {
            self.wake_links(machine);
            self.publish_soon(machine);
        }
    }

    /// Wakes the links that have something to do since the table has changed.
    pub(super) fn wake_links(&mut self, machine: usize) {
        let process = self.process(machine);
        let neighbours = process.node.take_growth();
        let has_work = |end: &End| end.link.neighbour().is_some_and(|id| neighbours.contains(&id));
        let ends = process.ends.iter();
        let wires: Vec<u64> = ends.filter(|(_, end)| has_work(end)).map(|(wire, _)| *wire).collect();
        self.wake_wires(machine, wires);
    }

    /// Wakes all links of a machine.
    pub(super) fn wake_all_links(&mut self, machine: usize) {
        let wires = self.process(machine).ends.keys().copied().collect();
        self.wake_wires(machine, wires);
    }

    fn wake_wires(&mut self, machine: usize, wires: Vec<u64>) {
        let life = self.machines[machine].lives;
        wires.into_iter().for_each(|wire| self.schedule_now(Event::Wake { machine, life, wire }));
    }

    /// Adds an event for each update that a restarted machine forgot and no other machine knows.
    pub(super) fn add_last_copies(&mut self, machine: usize) {
        for line in std::mem::take(&mut self.machines[machine].last_known) {
            let is_lost = Update::parse(&line)
                .is_some_and(|update| !self.machines.iter().any(|machine| machine.knows(&update)));
            if is_lost {
                let since = self.machines[machine].learned.get(&line).copied().unwrap_or_default();
                self.add_event(EventKind::LastCopyLost { node: machine, line, since });
            }
        }
    }

    /// Adds an event for each sequence that was used twice.
    pub(super) fn add_reused_sequences(&mut self, machine: usize) {
        for (sequence, was, is) in self.machines[machine].reused_sequences() {
            self.add_event(EventKind::SequenceReused { node: machine, sequence, was, is });
        }
    }
}
