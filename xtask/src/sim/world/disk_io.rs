//! Writes, syncs and compacts journals with simulated delays. The operations have the same order as
//! those of a real node (`herd::server`'s keeper), one at a time.

use std::io;
use std::time::Duration;

use herd::journal::{Journal, Snapshot};
use herd::node::Node;

use super::{Event, JOURNAL, World};
use crate::oracle::{EventKind, Persistence};
use crate::sim::disk::{SimDisk, SimFile};
use crate::sim::process::Promised;

/// The longest time from the start of a snapshot until it replaces the journal.
const SNAPSHOT: Duration = Duration::from_millis(300);

/// The longest time of a disk operation.
pub(super) const DISK: Duration = Duration::from_millis(5);

/// The time between two syncs with `everysec`, and between two checks whether to compact.
pub(in crate::sim) const SYNC: Duration = Duration::from_secs(1);

impl World<'_> {
    /// Starts to write the latest changes, unless the disk is busy.
    pub(super) fn write_journal(&mut self, machine: usize) {
        let process = self.process(machine);
        let Some(journal) = process.journal.as_mut().filter(|_| !process.is_writing) else { return };
        journal.collect(&mut process.node, usize::MAX);
        if journal.has_collected() {
            process.is_writing = true;
            let life = self.machines[machine].lives;
            self.after_disk(Event::Written { machine, life });
        }
    }

    /// Completes a write: appends the collected changes to the file.
    pub(super) fn written(&mut self, machine: usize) {
        let always = self.plan.durability == Persistence::Always;
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

    /// Completes a sync.
    pub(super) fn synced(&mut self, machine: usize) {
        self.sync_journal(machine);
        self.disk_is_free(machine);
    }

    /// Syncs the journal, and starts to compact it if it is long enough.
    pub(super) fn maintain_journal(&mut self, machine: usize) {
        self.sync_journal(machine);
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        if process.snapshot.is_none() && journal.wants_snapshot(process.node.table().all(), JOURNAL) {
            process.snapshot = begin_snapshot(journal, &process.node).ok();
            if process.snapshot.is_some() {
                let after = SNAPSHOT.mul_f64(self.rng.f64());
                let life = self.machines[machine].lives;
                self.schedule(self.now + after, Event::FinishSnapshot { machine, life });
            }
        }
        self.settle(machine);
    }

    pub(super) fn sync_journal(&mut self, machine: usize) {
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        if journal.failure().is_none() {
            match journal.sync() {
                Ok(()) => process.synced = journal.written(),
                Err(error) => journal.fail(&mut process.node, &error),
            }
        }
    }

    /// Finishes a snapshot, and schedules its installation.
    pub(super) fn finish_snapshot(&mut self, machine: usize) {
        let life = self.machines[machine].lives;
        let process = self.process(machine);
        if process.is_writing {
            return self.after_disk(Event::FinishSnapshot { machine, life });
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

    /// Replaces the journal with the snapshot, unless the disk fails.
    pub(super) fn install_snapshot(&mut self, machine: usize) {
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
        self.write_journal(machine);
    }

    fn after_disk(&mut self, event: Event) {
        let at = self.now + DISK.mul_f64(self.rng.f64());
        self.schedule(at, event);
    }

    /// Sends the answers and updates that do not have to wait for the disk any more.
    pub(super) fn settle(&mut self, machine: usize) {
        self.add_reused_sequences(machine);
        let process = self.process(machine);
        let settled = process.settled();
        let count = process.promised.partition_point(|promised| promised.sequence <= settled);
        let kept: Vec<Promised> = process.promised.drain(..count).collect();
        process.node.withhold_after(settled);
        kept.into_iter()
            .for_each(|promised| self.add_event(EventKind::Ok { op: promised.op, answer: promised.answer }));
        self.wake_links(machine);
        self.publish_soon(machine);
    }
}

fn begin_snapshot(journal: &mut Journal<SimDisk>, node: &Node) -> io::Result<Snapshot<SimFile>> {
    let mut snapshot = journal.begin_snapshot(node.name())?;
    snapshot.collect(node);
    snapshot.append()?;
    Ok(snapshot)
}
