//! Starts and ends processes, and begins and ends faults.

use herd::node::LinkEnd;

use super::disk_io::SYNC;
use super::{CONVERGENCE_CHECK, Event, World, micros};
use crate::oracle::{EventKind, Keeps, Persistence};
use crate::sim::disk::Fails;
use crate::sim::plan::FaultKind;

impl World<'_> {
    pub(super) fn start(&mut self, machine: usize) {
        let (durability, limits) = (self.plan.durability, self.limits.clone());
        let member = (self.plan.regions > 1).then(|| self.new_member(machine));
        let shards = self.plan.shards_of(machine);
        self.machines[machine].start(&self.names, durability, &limits, shards, member, &mut self.rng);
        self.add_event(EventKind::Up { node: machine });
        self.machines[machine].keep_learned(0, micros(self.now));
        self.add_reused_sequences(machine);
        self.add_last_copies(machine);
        let life = self.machines[machine].lives;
        for place in 0..self.machines[machine].neighbours.len() {
            self.schedule_now(Event::Dial { machine, life, place });
        }
        if durability != Persistence::Memory || self.plan.leap.is_some() {
            self.schedule(self.now + SYNC, Event::Tick { machine, life });
        }
        self.join_backbone(machine);
    }

    /// Ends a process at once. If the machine keeps running, it closes the process's connections.
    pub(super) fn crash(&mut self, machine: usize, keeps: Keeps) {
        let (sent, stale) = self.machines[machine].totals();
        self.machines[machine].sent = sent;
        self.machines[machine].stale = stale;
        let known = self.machines[machine].known();
        let Some(process) = self.machines[machine].process.take() else { return };
        self.machines[machine].last_known = known;
        let was_degraded = process.is_degraded();
        for promised in process.promised {
            self.add_event(EventKind::Info { op: promised.op });
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
        self.add_event(EventKind::Down { node: machine, keeps });
    }

    /// Shuts a process down as on SIGTERM: links send the latest updates, and the journal is
    /// closed.
    fn stop(&mut self, machine: usize) {
        if self.machines[machine].stops > 0 || self.machines[machine].process.is_none() {
            return;
        }
        let process = self.process(machine);
        if let Some(journal) = &mut process.journal {
            // The journal keeps the error itself, as its failure.
            let _ = journal.write(&mut process.node);
            self.sync_journal(machine);
            self.settle(machine);
        }
        self.publish(machine);
        let wires: Vec<u64> = self.process(machine).ends.keys().copied().collect();
        for wire in wires {
            self.wake(machine, wire);
            self.close(machine, wire, &LinkEnd::Stopping);
        }
        let process = self.process(machine);
        if !process.is_degraded()
            && let Some(mut journal) = process.journal.take()
        {
            // A journal that could not be closed equals that of a process that was killed.
            let _ = journal.close();
        }
        self.crash(machine, Keeps::Disk);
    }

    pub(super) fn begin_fault(&mut self, index: usize) {
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
        self.active_faults.begin(fault);
        let kind = format!("{:?}", fault.kind);
        let stops_answers = matches!(fault.kind, FaultKind::Stop(_));
        self.add_event(EventKind::FaultBegins {
            fault: index as u64,
            kind,
            nodes: fault.kind.nodes(),
            stops_answers,
        });
    }

    pub(super) fn end_fault(&mut self, index: usize) {
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
                    self.schedule_now(Event::Arrive { wire, side });
                }
            }
            FaultKind::Delay(..) | FaultKind::Cut(..) => {}
        }
        self.active_faults.end(fault);
        self.add_event(EventKind::FaultEnds { fault: index as u64 });
        for event in std::mem::take(&mut self.deferred) {
            self.schedule_now(event);
        }
    }

    /// Checks whether all nodes have the same records, and schedules the next check if not.
    pub(super) fn check_convergence(&mut self) {
        let mut sums = self.machines.iter().map(|machine| Some(machine.process.as_ref()?.node.table().sum()));
        let first = sums.next().flatten();
        let agree = match self.plan.shards {
            1 => first.is_some() && sums.all(|sum| sum == first),
            _ => self.shards_agree(),
        };
        if agree {
            self.settled.get_or_insert(self.now);
        } else {
            self.settled = None;
        }
        if self.settled.is_none() {
            self.schedule(self.now + CONVERGENCE_CHECK, Event::CheckConvergence);
        }
    }
}
