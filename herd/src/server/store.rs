//! A node and its journal.

use std::io;
use std::path::Path;

use clap::ValueEnum;
use tracing::{error, info, warn};

use crate::journal::{Folder, Journal, LogFile, OpenError, Snapshot, boot_id};
use crate::node::Node;

/// When an update is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// Never: a node that stops knows nothing at its next start but what its neighbours tell it.
    Off,
    /// Handed to the system before it is answered, and on disk a second later: it survives the process, not the
    /// machine.
    Everysec,
    /// On disk before it is answered, together with all that come at the same time.
    Always,
}

/// What a node knows, and where it keeps that.
#[derive(Debug)]
pub struct Store {
    pub(super) node: Node,
    kept: Kept,
    pub(super) durability: Durability,
    /// Nothing is answered while the disk fails.
    strict: bool,
    /// The last sequence that is on disk.
    synced: u64,
}

#[derive(Debug)]
enum Kept {
    InMemory,
    OnDisk(Journal<Folder>),
    /// It was on disk, and nothing may change any more.
    Closed,
}

/// When answers may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// Now.
    Now,
    /// When all up to this sequence is on disk.
    OnceSynced(u64),
    /// Not at all.
    Never,
}

impl Store {
    /// A store in memory.
    pub fn in_memory(node: Node) -> Store {
        Store { node, kept: Kept::InMemory, durability: Durability::Off, strict: false, synced: 0 }
    }

    /// A store on disk: `node`, which knows nothing yet, gets back what the journal in `folder` holds. With `strict`, no
    /// client is answered while the disk fails.
    ///
    /// # Errors
    /// The folder is another node's, another process's, of another format, or cannot be read.
    pub fn open(
        mut node: Node,
        folder: &Path,
        durability: Durability,
        strict: bool,
        mut fresh_epoch: impl FnMut() -> u64 + Send + 'static,
    ) -> Result<Store, OpenError> {
        let boot = boot_id();
        let epochs = Box::new(move || fresh_epoch().max(1));
        let (journal, replayed) = Journal::open(Folder::open(folder)?, &mut node, boot.as_deref(), epochs)?;
        let clients = node.table().len();
        info!(folder = %folder.display(), clients, records = replayed.size.updates, "journal read back");
        if let Some(first) = replayed.damage.first() {
            let (lines, line) = (replayed.damaged_lines, first.line);
            if replayed.is_damaged() {
                error!(
                    lines,
                    first = line,
                    "journal damaged: lines skipped, the file kept as journal.damaged; neighbours will be asked for everything"
                );
            } else {
                warn!(lines, first = line, "journal torn: its last lines are cut off");
            }
        }
        if let Some(reason) = journal.failure() {
            report_failure(reason);
        }
        // Opening the journal has synced it.
        let synced = journal.written();
        let mut store = Store { node, kept: Kept::OnDisk(journal), durability, strict, synced };
        store.withhold();
        Ok(store)
    }

    /// How safe what is answered is: when it is on disk, or `degraded` while the disk fails; and what the disk said then.
    pub(super) fn state(&self) -> (&'static str, Option<&str>) {
        let failure = match &self.kept {
            Kept::OnDisk(journal) => journal.failure(),
            Kept::InMemory | Kept::Closed => None,
        };
        match (failure, self.durability) {
            (Some(reason), _) => ("degraded", Some(reason)),
            (None, Durability::Off) => ("memory", None),
            (None, Durability::Everysec) => ("everysec", None),
            (None, Durability::Always) => ("always", None),
        }
    }

    /// The length of the journal, in bytes.
    pub(super) fn journal_bytes(&self) -> u64 {
        match &self.kept {
            Kept::OnDisk(journal) => journal.size().bytes,
            Kept::InMemory | Kept::Closed => 0,
        }
    }

    /// Hands what has changed to the disk, before anybody is told.
    pub(super) fn record(&mut self) {
        if let Kept::OnDisk(journal) = &mut self.kept
            && let Err(error) = journal.write(&mut self.node)
        {
            report_failure(&error.to_string());
            self.withhold();
        }
    }

    /// When answers may be given that tell of all that has been [recorded](Self::record).
    pub(super) fn promise(&self) -> Promise {
        match &self.kept {
            Kept::InMemory => Promise::Now,
            Kept::OnDisk(journal) if journal.failure().is_some() => {
                if self.strict {
                    Promise::Never
                } else {
                    Promise::Now
                }
            }
            Kept::OnDisk(_)
                if self.durability == Durability::Always && self.synced < self.node.table().head() =>
            {
                Promise::OnceSynced(self.node.table().head())
            }
            Kept::OnDisk(_) => Promise::Now,
            Kept::Closed => Promise::Never,
        }
    }

    /// The file, and the last sequence in it, unless all of that is on disk.
    pub(super) fn unsynced(&self) -> Option<(LogFile, u64)> {
        match &self.kept {
            Kept::OnDisk(journal) if journal.failure().is_none() && journal.written() > self.synced => {
                Some((journal.log().clone(), journal.written()))
            }
            _ => None,
        }
    }

    /// Notes that everything up to a sequence is on disk, or that it may not be.
    pub(super) fn note_sync(&mut self, result: io::Result<u64>) {
        match (result, &mut self.kept) {
            (Ok(sequence), _) => self.synced = self.synced.max(sequence),
            (Err(error), Kept::OnDisk(journal)) => {
                journal.fail(&mut self.node, &error);
                report_failure(&error.to_string());
            }
            (Err(_), _) => {}
        }
        self.withhold();
    }

    /// Up to which sequence nobody waits for the disk any more.
    pub(super) fn settled(&self) -> u64 {
        match &self.kept {
            Kept::OnDisk(journal) if journal.failure().is_none() => self.synced,
            _ => u64::MAX,
        }
    }

    /// Begins to write the journal anew, if that is worth it: see [`Journal::wants_snapshot`].
    pub(super) fn begin_snapshot(&mut self) -> io::Result<Option<Snapshot<LogFile>>> {
        let least = self.node.limits().journal_bytes;
        match &mut self.kept {
            Kept::OnDisk(journal) if journal.wants_snapshot(&self.node, least) => {
                journal.begin_snapshot(&self.node).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Puts a snapshot in the place of the journal.
    pub(super) fn take_over(&mut self, snapshot: Snapshot<LogFile>) -> io::Result<()> {
        let Kept::OnDisk(journal) = &mut self.kept else { return Ok(()) };
        let had_failed = journal.failure().is_some();
        journal.take_over(snapshot, &self.node)?;
        let bytes = journal.size().bytes;
        info!(bytes, clients = self.node.table().len(), "journal written anew");
        if had_failed {
            warn!("durability: restored, all that is known is on disk");
        }
        self.note_sync(Ok(self.node.table().head()));
        Ok(())
    }

    /// Ends the journal properly; nothing may be answered any more.
    pub(super) fn close(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.kept, Kept::Closed) {
            Kept::OnDisk(journal) => journal.close(&mut self.node),
            Kept::InMemory | Kept::Closed => Ok(()),
        }
    }

    /// With `always` links say only what is on disk; without a disk that works there is nothing to wait for.
    fn withhold(&mut self) {
        let waits = self.durability == Durability::Always && self.settled() != u64::MAX;
        self.node.withhold_after(if waits { self.synced } else { u64::MAX });
    }
}

fn report_failure(reason: &str) {
    error!(reason, "durability: degraded, nothing is kept on disk until it works again");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Time;
    use crate::node::{Limits, Lives};

    #[test]
    fn what_was_read_back_is_on_disk_and_waits_for_nothing() {
        let folder = std::env::temp_dir().join(format!("herd-store-{}", std::process::id()));
        let open = || {
            let node = Node::new("Alford", &[], Limits::default(), Lives { epoch: 1, incarnation: 1 });
            Store::open(node, &folder, Durability::Always, false, || 2).unwrap()
        };
        let mut store = open();
        store.node.answer(b"IAMAT kiwi +1+1 1", Time { seconds: 1, nanoseconds: 0 }, &mut Vec::new());
        store.record();
        assert_eq!(store.promise(), Promise::OnceSynced(1));
        drop(store);
        assert_eq!(open().promise(), Promise::Now);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
