//! A node, and the state of its journal. The journal itself belongs to its [keeper](super::keeper),
//! so a task that holds the store's lock never waits for the disk.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use strum::{EnumString, VariantNames};
use tracing::{error, info, warn};

use super::keeper::{Keep, Keeping};
use crate::journal::{Disk, Epochs, Folder, Journal, OpenError, Progress, Replayed, boot_id};
use crate::node::Node;

/// When an update is written to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, ValueEnum, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Durability {
    /// No writes: a restarted node has only the records that its neighbours send
    Off,
    /// A write before the answer and an fsync each second: an answered update survives a crash of
    /// the node, but not of the machine
    Everysec,
    /// A write and an fsync before the answer, shared by concurrent updates: an answered update
    /// survives a crash of the machine
    Always,
}

/// A node, and how much of its change log is safe on disk.
#[derive(Debug)]
pub struct Store {
    pub(super) node: Node,
    /// The journal, until its thread takes it over.
    journal: Option<Box<dyn Keep>>,
    pub(super) durability: Durability,
    /// Whether clients are not answered while the disk fails.
    strict: bool,
    standing: Standing,
    /// What the backbone has stored, if answers wait for it.
    backbone: Option<OnBackbone>,
}

/// What the backbone has stored of what this node received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OnBackbone {
    /// The sequence up to which everything is stored.
    stored: u64,
    /// Whether it stores nothing, so that answers do not wait for it.
    fails: bool,
}

/// The state of the journal, as last published by its keeper.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The last sequence written.
    pub(super) written: u64,
    /// The last sequence on disk, after an fsync.
    pub(super) synced: u64,
    /// The error of the disk, while it fails.
    pub(super) failure: Option<String>,
    /// The size of the file in bytes.
    pub(super) bytes: u64,
    /// The journal is closed: the table must not change.
    pub(super) closed: bool,
}

/// The changes that clients and neighbours may learn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// The last sequence that links may send; `u64::MAX` if nothing waits for the disk.
    pub(super) upto: u64,
    /// The last sequence that clients may learn of: it may have to be on the backbone, too.
    pub(super) answers: u64,
    /// Whether clients are not answered at all.
    pub(super) refuses: bool,
}

impl Store {
    /// A store in memory.
    pub fn in_memory(node: Node) -> Store {
        let standing = Standing::default();
        Store { node, journal: None, durability: Durability::Off, strict: false, standing, backbone: None }
    }

    /// A store on disk. Replays the journal in `folder` into `node`, which must be empty. With
    /// `strict`, clients are not answered while the disk fails. Another thread can look at the
    /// `progress` of the replay.
    ///
    /// # Errors
    /// The folder belongs to another node, is in use by another process, has another format, or
    /// cannot be read.
    pub fn open(
        node: Node,
        folder: &Path,
        durability: Durability,
        strict: bool,
        progress: Arc<Progress>,
        mut fresh_epoch: impl FnMut() -> u64 + Send + 'static,
    ) -> Result<Store, OpenError> {
        let epochs = Box::new(move || fresh_epoch().max(1));
        let (store, replayed) = Store::open_on(
            Folder::open(folder)?.with_progress(progress),
            node,
            durability,
            strict,
            boot_id().as_deref(),
            epochs,
        )?;
        let clients = store.node.table().len();
        info!(folder = %folder.display(), clients, records = replayed.size.updates, "journal replayed");
        if let Some(first) = replayed.damage.first() {
            let lines = replayed.damaged_lines;
            if replayed.is_damaged {
                error!(
                    lines,
                    %first,
                    "journal damaged; readable lines are kept, the file is saved as journal.damaged, and neighbours will send all records"
                );
            } else {
                warn!(lines, %first, "journal torn; its last lines are cut off");
            }
        }
        Ok(store)
    }

    /// Opens a store on any kind of disk.
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
        let journal: Option<Box<dyn Keep>> = Some(Box::new(keeping));
        let mut store = Store { node, journal, durability, strict, standing, backbone: None };
        if let Some(reason) = &store.standing.failure {
            report_failure(reason);
        }
        store.withhold(store.settled().upto);
        Ok((store, replayed))
    }

    /// Takes the journal out, for its thread.
    pub(super) fn take_journal(&mut self) -> Option<Box<dyn Keep>> {
        self.journal.take()
    }

    /// The durability of answered reports, or `degraded` and the error while the disk fails.
    pub(super) fn state(&self) -> (&'static str, Option<&str>) {
        match (&self.standing.failure, self.durability) {
            (Some(reason), _) => ("degraded", Some(reason)),
            (None, Durability::Off) => ("memory", None),
            (None, Durability::Everysec) => ("everysec", None),
            (None, Durability::Always) => ("always", None),
        }
    }

    /// The size of the journal in bytes.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.standing.bytes
    }

    /// The changes that clients and neighbours may learn of.
    pub(super) fn settled(&self) -> Settled {
        let Standing { written, synced, failure, closed, .. } = &self.standing;
        let upto = match self.durability {
            _ if failure.is_some() => u64::MAX,
            Durability::Off => u64::MAX,
            Durability::Everysec => *written,
            Durability::Always => *synced,
        };
        let fails = failure.is_some() || self.backbone_fails();
        let stored = self.backbone.filter(|backbone| !backbone.fails).map_or(u64::MAX, |known| known.stored);
        Settled { upto, answers: upto.min(stored), refuses: *closed || self.strict && fails }
    }

    /// Makes answers wait until the backbone has what they are about. Returns whether that is news.
    pub(super) fn wait_for_backbone(&mut self) -> bool {
        self.backbone.replace(OnBackbone::default()).is_none()
    }

    /// Records the sequence up to which the backbone has what this node received. Returns whether
    /// that is news.
    pub(super) fn note_stored(&mut self, stored: u64) -> bool {
        let news = |known: &mut OnBackbone| std::mem::replace(&mut known.stored, stored) != stored;
        self.backbone.as_mut().is_some_and(news)
    }

    /// Whether answers would wait for the backbone, and it stores nothing.
    pub(super) fn backbone_fails(&self) -> bool {
        self.backbone.is_some_and(|known| known.fails)
    }

    /// Records whether the backbone stores nothing, so that answers do not wait for it. Returns
    /// whether that is news.
    pub(super) fn note_backbone_fails(&mut self, fails: bool) -> bool {
        let news = |known: &mut OnBackbone| std::mem::replace(&mut known.fails, fails) != fails;
        self.backbone.as_mut().is_some_and(news)
    }

    /// Records the state of the journal. Links may send the changes that clients may learn of,
    /// strict or not. If the disk has begun to fail, or works again, returns what operators should
    /// know.
    pub(super) fn note_standing(&mut self, standing: Standing) -> Option<String> {
        let had_failed = self.standing.failure.is_some();
        let news = match &standing.failure {
            Some(reason) if !had_failed => {
                report_failure(reason);
                Some(format!("the disk fails: {reason}"))
            }
            None if had_failed => {
                warn!("durability restored; all records are on disk");
                Some("the disk works again; all records are on it".to_owned())
            }
            _ => None,
        };
        self.standing = standing;
        self.withhold(self.settled().upto);
        news
    }

    /// Keeps links from sending changes after a sequence.
    pub(super) fn withhold(&mut self, upto: u64) {
        self.node.withhold_after(upto);
    }
}

fn report_failure(reason: &str) {
    error!(reason, "durability degraded; nothing is written to disk until it works again");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Time;
    use crate::node::{Limits, Lives};

    /// A store with nine clients, of which five have been written and three synced.
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
    fn answers_wait_for_the_backbone_while_it_works_and_links_do_not() {
        let told = |store: &Store| (store.settled().answers, store.settled().upto, store.settled().refuses);
        let mut store = store(Durability::Everysec, true, None);
        assert!(!store.note_stored(4), "answers do not wait for it");
        assert_eq!(told(&store), (5, 5, false));
        store.wait_for_backbone();
        assert_eq!(told(&store), (0, 5, false));
        assert!(store.note_stored(4));
        assert_eq!(told(&store), (4, 5, false));
        assert!(store.note_stored(7));
        assert_eq!(told(&store), (5, 5, false), "the disk has less");
        assert!(store.note_backbone_fails(true));
        assert_eq!(told(&store), (5, 5, true), "a strict node answers nobody");
        store.strict = false;
        assert_eq!(told(&store), (5, 5, false));
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
