//! Processes that start and end, and what is broken and mended.

use herd::node::LinkEnd;

use super::disk_io::SYNC;
use super::{Event, LOOK, World, micros};
use crate::oracle::{Durability, Keeps, What};
use crate::sim::disk::Fails;
use crate::sim::plan::FaultKind;

impl World<'_> {
    pub(super) fn start(&mut self, machine: usize) {
        let (durability, limits) = (self.plan.durability, self.limits.clone());
        self.machines[machine].start(&self.names, durability, &limits, &mut self.rng);
        self.note(What::Up { node: machine });
        self.machines[machine].note_learned(0, micros(self.now));
        self.note_sequences(machine);
        self.note_last_copies(machine);
        let life = self.machines[machine].lives;
        for place in 0..self.machines[machine].neighbours.len() {
            self.soon(Event::Dial { machine, life, place });
        }
        if durability != Durability::Memory {
            self.at(self.now + SYNC, Event::Tick { machine, life });
        }
    }

    /// Ends a process at once. Neighbours are told so by its machine, if that goes on.
    fn crash(&mut self, machine: usize, keeps: Keeps) {
        (self.machines[machine].said, self.machines[machine].stale) = self.machines[machine].totals();
        let known = self.machines[machine].known();
        let Some(process) = self.machines[machine].process.take() else { return };
        self.machines[machine].last_known = known;
        let was_degraded = process.is_degraded();
        for promised in process.promised {
            self.note(What::Info { op: promised.op });
        }
        for (wire, end) in process.ends {
            if matches!(keeps, Keeps::Disk | Keeps::Damaged) {
                self.send_end(wire, 1 - end.side);
            }
        }
        let disk = &self.machines[machine].disk;
        match keeps {
            Keeps::Disk => {}
            Keeps::Damaged => disk.damage(&mut self.rng),
            Keeps::Synced => disk.lose_unsynced(&mut self.rng),
            Keeps::Nothing => disk.lose_everything(),
        }
        self.machines[machine].boots += u64::from(matches!(keeps, Keeps::Synced | Keeps::Nothing));
        let keeps = if was_degraded { Keeps::Nothing } else { keeps };
        self.note(What::Down { node: machine, keeps });
    }

    /// Stops a process as a signal does: links say what was answered last, and the journal is closed.
    fn stop(&mut self, machine: usize) {
        if self.machines[machine].stops > 0 || self.machines[machine].process.is_none() {
            return;
        }
        let process = self.process(machine);
        if let Some(journal) = &mut process.journal {
            // An error has been noted.
            let _ = journal.write(&mut process.node);
            self.sync(machine);
            self.settle(machine);
        }
        let wires: Vec<u64> = self.process(machine).ends.keys().copied().collect();
        for wire in wires {
            self.wake(machine, wire);
            self.close(machine, wire, &LinkEnd::Stopping);
        }
        let process = self.process(machine);
        if !process.is_degraded()
            && let Some(mut journal) = process.journal.take()
        {
            // A journal that is not closed is as good as that of a process that was killed.
            let _ = journal.close();
        }
        self.crash(machine, Keeps::Disk);
    }

    pub(super) fn break_something(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        match fault.kind {
            FaultKind::Crash(machine, keeps) => return self.crash(machine, keeps),
            FaultKind::Restart(machine) => return self.stop(machine),
            FaultKind::Stop(machine) => self.machines[machine].stops += 1,
            FaultKind::Cut(one, other) => self.reset_between(one, other),
            FaultKind::Disk(machine) => self.machines[machine].disk.fail(Fails::Writes),
            FaultKind::Syncs(machine) => self.machines[machine].disk.fail(Fails::Syncs),
            FaultKind::Delay(..) | FaultKind::Hole(..) => {}
        }
        self.broken.begin(fault);
        let kind = format!("{:?}", fault.kind);
        let stops_answers = matches!(fault.kind, FaultKind::Stop(_));
        self.note(What::FaultBegins { fault: index as u64, kind, nodes: fault.kind.nodes(), stops_answers });
    }

    pub(super) fn mend(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        match fault.kind {
            FaultKind::Crash(machine, _) | FaultKind::Restart(machine) => {
                if self.machines[machine].process.is_none() {
                    self.start(machine);
                }
                return;
            }
            FaultKind::Stop(machine) => self.machines[machine].stops -= 1,
            FaultKind::Disk(machine) | FaultKind::Syncs(machine) => {
                self.machines[machine].disk.fail(Fails::Nothing);
            }
            FaultKind::Hole(..) => {
                for (wire, side) in
                    self.wires.keys().copied().flat_map(|wire| [(wire, 0), (wire, 1)]).collect::<Vec<_>>()
                {
                    self.soon(Event::Arrive { wire, side });
                }
            }
            FaultKind::Delay(..) | FaultKind::Cut(..) => {}
        }
        self.broken.end(fault);
        self.note(What::FaultEnds { fault: index as u64 });
        for event in std::mem::take(&mut self.deferred) {
            self.soon(event);
        }
    }

    pub(super) fn look(&mut self) {
        let mut sums = self.machines.iter().map(|machine| Some(machine.process.as_ref()?.node.table().sum()));
        let first = sums.next().flatten();
        if first.is_some() && sums.all(|sum| sum == first) {
            self.settled.get_or_insert(self.now);
        } else {
            self.settled = None;
        }
        if self.settled.is_none() {
            self.at(self.now + LOOK, Event::Look);
        }
    }
}
