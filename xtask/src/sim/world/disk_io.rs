//! Journals: synced now and then, written anew, and what is found in them in the end.

use std::io;
use std::time::Duration;

use herd::journal::{Journal, Log, Snapshot};
use herd::node::Node;

use super::{Event, JOURNAL, World};
use crate::oracle::{Durability, What};
use crate::sim::disk::{SimDisk, SimFile};
use crate::sim::process::Promised;

/// A snapshot takes the place of the journal at most so long after it was begun.
const SNAPSHOT: Duration = Duration::from_millis(300);

/// How long the disk takes, at most.
pub(super) const DISK: Duration = Duration::from_millis(5);

/// How often the disk is waited for when nobody waits for it.
pub(super) const SYNC: Duration = Duration::from_secs(1);

impl World<'_> {
    /// Waits for the disk, and begins to write the journal anew if that is worth it.
    pub(super) fn sync(&mut self, machine: usize) {
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        process.syncing = false;
        if journal.failure().is_none() {
            match journal.log().clone().sync() {
                Ok(()) => process.synced = journal.written(),
                Err(error) => journal.fail(&mut process.node, &error),
            }
        }
        let begins = process.snapshot.is_none() && journal.wants_snapshot(&process.node, JOURNAL);
        if begins {
            process.snapshot = begin_snapshot(journal, &process.node).ok();
        }
        if process.snapshot.is_some() && begins {
            let after = SNAPSHOT.mul_f64(self.rng.f64());
            let life = self.machines[machine].lives;
            self.at(self.now + after, Event::TakeOver { machine, life });
        }
        self.settle(machine);
    }

    pub(super) fn take_over(&mut self, machine: usize) {
        let process = self.process(machine);
        if let (Some(journal), Some(snapshot)) = (&mut process.journal, process.snapshot.take())
            && journal.take_over(snapshot, &process.node).is_ok()
        {
            process.synced = journal.written();
            self.settle(machine);
        }
    }

    /// What has been waited for on disk, or need not be waited for any more, may be told.
    pub(super) fn settle(&mut self, machine: usize) {
        let always = self.plan.durability == Durability::Always;
        let life = self.machines[machine].lives;
        let process = self.process(machine);
        let settled = process.settled();
        let kept = process.promised.partition_point(|promised| promised.sequence <= settled);
        let kept: Vec<Promised> = process.promised.drain(..kept).collect();
        kept.into_iter()
            .for_each(|promised| self.note(What::Ok { op: promised.op, answer: promised.answer }));
        if always {
            let process = self.process(machine);
            process.node.withhold_after(settled);
            let wires: Vec<u64> = process.ends.keys().copied().collect();
            wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
        }
    }
}

fn begin_snapshot(journal: &mut Journal<SimDisk>, node: &Node) -> io::Result<Snapshot<SimFile>> {
    let mut snapshot = journal.begin_snapshot(node)?;
    snapshot.collect(node);
    snapshot.append()?;
    Ok(snapshot)
}
