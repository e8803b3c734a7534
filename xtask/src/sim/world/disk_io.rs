//! Journals: written and synced after a while, compacted, and what is found in them in the end. It is done in the order in
//! which a node's keeper does it, one operation at a time.

use std::io;
use std::time::Duration;

use herd::journal::{Journal, Snapshot};
use herd::node::Node;

use super::{Event, JOURNAL, World};
use crate::oracle::{Durability, What};
use crate::sim::disk::{SimDisk, SimFile};
use crate::sim::process::Promised;

/// A snapshot takes the place of the journal at most so long after it was begun.
const SNAPSHOT: Duration = Duration::from_millis(300);

/// How long the disk takes for an operation, at most.
pub(super) const DISK: Duration = Duration::from_millis(5);

/// How often `everysec` is synced, and the journal looked after.
pub(super) const SYNC: Duration = Duration::from_secs(1);

impl World<'_> {
    /// Begins to write what has changed, unless the disk is busy already.
    pub(super) fn write(&mut self, machine: usize) {
        let process = self.process(machine);
        let Some(journal) = process.journal.as_mut().filter(|_| !process.is_writing) else { return };
        journal.collect(&process.node, usize::MAX);
        if journal.has_collected() {
            process.is_writing = true;
            let life = self.machines[machine].lives;
            self.after_disk(Event::Written { machine, life });
        }
    }

    /// What was collected is in the file.
    pub(super) fn written(&mut self, machine: usize) {
        let always = self.plan.durability == Durability::Always;
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        match journal.append() {
            Ok(()) if always => {
                let life = self.machines[machine].lives;
                return self.after_disk(Event::Synced { machine, life });
            }
            Ok(()) => {}
            Err(error) => journal.fail(&mut process.node, &error),
        }
        self.disk_is_free(machine);
    }

    /// What was written is on disk.
    pub(super) fn synced(&mut self, machine: usize) {
        self.sync(machine);
        self.disk_is_free(machine);
    }

    /// Syncs the journal, and begins to compact it if that is worth it.
    pub(super) fn look_after_journal(&mut self, machine: usize) {
        self.sync(machine);
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        if process.snapshot.is_none() && journal.wants_snapshot(&process.node, JOURNAL) {
            process.snapshot = begin_snapshot(journal, &process.node).ok();
            if process.snapshot.is_some() {
                let after = SNAPSHOT.mul_f64(self.rng.f64());
                let life = self.machines[machine].lives;
                self.at(self.now + after, Event::TakeOver { machine, life });
            }
        }
        self.settle(machine);
    }

    pub(super) fn sync(&mut self, machine: usize) {
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        if journal.failure().is_none() {
            match journal.sync() {
                Ok(()) => process.synced = journal.written(),
                Err(error) => journal.fail(&mut process.node, &error),
            }
        }
    }

    /// Finishes a snapshot, to be installed after a while.
    pub(super) fn take_over(&mut self, machine: usize) {
        let life = self.machines[machine].lives;
        let process = self.process(machine);
        if process.is_writing {
            return self.after_disk(Event::TakeOver { machine, life });
        }
        let Some(snapshot) = &mut process.snapshot else { return };
        while !snapshot.finish(&process.node) {
            if snapshot.append().is_err() {
                process.snapshot = None;
                return;
            }
        }
        let upto = snapshot.sequence().min(process.settled());
        let process = self.process(machine);
        process.node.withhold_after(upto);
        process.is_writing = true;
        self.after_disk(Event::Install { machine, life });
    }

    /// The snapshot is the journal now, unless the disk fails.
    pub(super) fn install(&mut self, machine: usize) {
        let process = self.process(machine);
        if let (Some(journal), Some(mut snapshot)) = (&mut process.journal, process.snapshot.take())
            && snapshot.seal().is_ok()
        {
            match journal.install(snapshot) {
                Ok(()) => process.synced = journal.written(),
                Err(error) => journal.fail(&mut process.node, &error),
            }
        }
        self.disk_is_free(machine);
    }

    fn disk_is_free(&mut self, machine: usize) {
        self.process(machine).is_writing = false;
        self.settle(machine);
        self.write(machine);
    }

    fn after_disk(&mut self, event: Event) {
        let at = self.now + DISK.mul_f64(self.rng.f64());
        self.at(at, event);
    }

    /// What need not wait for the disk any more may be told.
    pub(super) fn settle(&mut self, machine: usize) {
        let life = self.machines[machine].lives;
        self.note_sequences(machine);
        let process = self.process(machine);
        let settled = process.settled();
        let kept = process.promised.partition_point(|promised| promised.sequence <= settled);
        let kept: Vec<Promised> = process.promised.drain(..kept).collect();
        process.node.withhold_after(settled);
        let wires: Vec<u64> = process.ends.keys().copied().collect();
        kept.into_iter()
            .for_each(|promised| self.note(What::Ok { op: promised.op, answer: promised.answer }));
        wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
    }
}

fn begin_snapshot(journal: &mut Journal<SimDisk>, node: &Node) -> io::Result<Snapshot<SimFile>> {
    let mut snapshot = journal.begin_snapshot(node.name())?;
    snapshot.collect(node);
    snapshot.append()?;
    Ok(snapshot)
}
