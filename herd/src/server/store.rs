//! A node, and what is known of its journal. The journal itself belongs to its [keeper](super::keeper): whoever holds the
//! store's lock never waits for the disk.

use std::path::Path;

use clap::ValueEnum;
use strum::{EnumString, VariantNames};
use tracing::{error, info, warn};

use super::keeper::{Keep, Keeping};
use crate::journal::{Disk, Epochs, Folder, Journal, OpenError, Replayed, boot_id};
use crate::node::Node;

/// When an update is written to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, ValueEnum, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Durability {
    /// No writes: a restarted node has only the records that its neighbours send
    Off,
    /// A write before the answer and an fsync each second: an answered update survives a crash of the
    /// node, but not of the machine
    Everysec,
    /// A write and an fsync before the answer, shared by concurrent updates: an answered update
    /// survives a crash of the machine
    Always,
}

/// What a node knows, and what of it cannot be lost any more.
#[derive(Debug)]
pub struct Store {
    pub(super) node: Node,
    /// The journal, until its thread takes it.
    journal: Option<Box<dyn Keep>>,
    pub(super) durability: Durability,
    /// Nothing is answered while the disk fails.
    strict: bool,
    standing: Standing,
}

/// How the journal is, as its keeper last said.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The last sequence that has been handed to the system.
    pub(super) written: u64,
    /// The last sequence that is on disk.
    pub(super) synced: u64,
    /// What the disk said when it failed.
    pub(super) failure: Option<String>,
    /// The length of the file.
    pub(super) bytes: u64,
    /// The journal has ended: nothing may change any more.
    pub(super) closed: bool,
}

/// What may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Everything up to this sequence; `u64::MAX` if nothing has to wait for the disk.
    pub(super) upto: u64,
    /// Clients are not answered at all.
    pub(super) refuses: bool,
}

impl Store {
    /// A store in memory.
    pub fn in_memory(node: Node) -> Store {
        let standing = Standing::default();
        Store { node, journal: None, durability: Durability::Off, strict: false, standing }
    }

    /// A store on disk: `node`, which knows nothing yet, gets back what the journal in `folder` holds. With `strict`, no
    /// client is answered while the disk fails.
    ///
    /// # Errors
    /// The folder is another node's, another process's, of another format, or cannot be read.
    pub fn open(
        node: Node,
        folder: &Path,
        durability: Durability,
        strict: bool,
        mut fresh_epoch: impl FnMut() -> u64 + Send + 'static,
    ) -> Result<Store, OpenError> {
        let epochs = Box::new(move || fresh_epoch().max(1));
        let (store, replayed) =
            Store::open_on(Folder::open(folder)?, node, durability, strict, boot_id().as_deref(), epochs)?;
        let clients = store.node.table().len();
        info!(folder = %folder.display(), clients, records = replayed.size.updates, "journal read back");
        if let Some(first) = replayed.damage.first() {
            let lines = replayed.damaged_lines;
            if replayed.is_damaged {
                error!(
                    lines,
                    %first,
                    "journal damaged: what can be read is kept, and the file as journal.damaged; neighbours will be asked for everything"
                );
            } else {
                warn!(lines, %first, "journal torn: its last lines are cut off");
            }
        }
        Ok(store)
    }

    /// The same on any disk.
    pub(super) fn open_on<D>(
        disk: D,
        mut node: Node,
        durability: Durability,
        strict: bool,
        boot: Option<&str>,
        epochs: Epochs,
    ) -> Result<(Store, Replayed), OpenError>
    where
        D: Disk + Send + 'static,
        D::Log: Clone + Send + 'static,
    {
        let (journal, replayed) = Journal::open(disk, &mut node, boot, epochs)?;
        let keeping = Keeping::new(journal, durability);
        let standing = keeping.standing();
        let mut store = Store { node, journal: Some(Box::new(keeping)), durability, strict, standing };
        if let Some(reason) = &store.standing.failure {
            report_failure(reason);
        }
        store.withhold(store.settled().upto);
        Ok((store, replayed))
    }

    /// The journal, for its thread.
    pub(super) fn take_journal(&mut self) -> Option<Box<dyn Keep>> {
        self.journal.take()
    }

    /// How safe what is answered is: when it is on disk, or `degraded` while the disk fails; and what the disk said then.
    pub(super) fn state(&self) -> (&'static str, Option<&str>) {
        match (&self.standing.failure, self.durability) {
            (Some(reason), _) => ("degraded", Some(reason)),
            (None, Durability::Off) => ("memory", None),
            (None, Durability::Everysec) => ("everysec", None),
            (None, Durability::Always) => ("always", None),
        }
    }

    /// The length of the journal, in bytes.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.standing.bytes
    }

    /// What may be told to clients.
    pub(super) fn settled(&self) -> Settled {
        let Standing { written, synced, failure, closed, .. } = &self.standing;
        let upto = match self.durability {
            _ if failure.is_some() => u64::MAX,
            Durability::Off => u64::MAX,
            Durability::Everysec => *written,
            Durability::Always => *synced,
        };
        Settled { upto, refuses: *closed || self.strict && failure.is_some() }
    }

    /// Notes how the journal is now. Links may say what clients may be told, strict or not.
    pub(super) fn note_standing(&mut self, standing: Standing) {
        let had_failed = self.standing.failure.is_some();
        match &standing.failure {
            Some(reason) if !had_failed => report_failure(reason),
            None if had_failed => warn!("durability: restored, all that is known is on disk"),
            _ => {}
        }
        self.standing = standing;
        self.withhold(self.settled().upto);
    }

    /// Keeps links from saying what has changed after a sequence.
    pub(super) fn withhold(&mut self, upto: u64) {
        self.node.withhold_after(upto);
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

    /// A store that knows nine clients, of which five have been written and three synced.
    fn store(durability: Durability, strict: bool, failure: Option<&str>) -> Store {
        let mut node =
            Node::new("Alford", &[], Limits::default(), Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
        for client in 0..9 {
            let line = format!("IAMAT client-{client} +1+1 1");
            node.answer(line.as_bytes(), Time { seconds: 1, nanoseconds: 0 }, &mut Vec::new());
        }
        let mut store = Store { durability, strict, ..Store::in_memory(node) };
        let failure = failure.map(str::to_owned);
        store.note_standing(Standing { written: 5, synced: 3, failure, ..Standing::default() });
        store
    }

    #[test]
    fn neither_clients_nor_links_are_told_what_may_be_lost() {
        let told = |store: &Store| (store.settled().upto, store.node.last_to_say());
        assert_eq!(told(&store(Durability::Off, false, None)), (u64::MAX, 9));
        assert_eq!(told(&store(Durability::Everysec, false, None)), (5, 5));
        assert_eq!(told(&store(Durability::Always, false, None)), (3, 3));
        assert_eq!(told(&store(Durability::Always, true, Some("full"))), (u64::MAX, 9));
    }

    #[test]
    fn nothing_is_answered_while_a_strict_node_s_disk_fails_nor_after_the_end() {
        let refuses = |store: &Store| store.settled().refuses;
        assert!(!refuses(&store(Durability::Always, false, Some("full"))));
        assert!(!refuses(&store(Durability::Always, true, None)));
        assert!(refuses(&store(Durability::Always, true, Some("full"))));
        let mut closed = store(Durability::Everysec, false, None);
        closed.note_standing(Standing { closed: true, ..closed.standing.clone() });
        assert!(refuses(&closed));
    }

    #[test]
    fn the_state_is_told_with_what_the_disk_said() {
        assert_eq!(store(Durability::Off, false, None).state(), ("memory", None));
        assert_eq!(store(Durability::Everysec, false, None).state(), ("everysec", None));
        assert_eq!(store(Durability::Always, false, None).state(), ("always", None));
        assert_eq!(store(Durability::Always, false, Some("full")).state(), ("degraded", Some("full")));
    }
}
