//! A journal, and the schedule of its writes, syncs and compactions.

use std::fmt::Debug;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{EVERY, Keep, Wake, in_background};
use crate::journal::{Disk, Journal, Log, Snapshot};
use crate::server::disk_wait::{FSYNC, WRITE, Waiter};
use crate::server::shared::{Shared, lock};
use crate::server::store::{Durability, Standing};

/// The pause after a failed compaction of a journal that works otherwise.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// A journal and the state of its disk.
pub(in crate::server) struct Keeping<D: Disk> {
    journal: Journal<D>,
    durability: Durability,
    /// The last sequence on disk.
    synced: u64,
    /// The number of the node's records when changes were last collected.
    records: usize,
    /// Whether a sync of the journal runs in the background.
    is_syncing: bool,
    /// The time of the next sync of `everysec`.
    next_sync: Instant,
    compaction: Option<Compaction<D::Log>>,
    /// The time before which the journal is not compacted.
    not_before: Instant,
    /// The number of journal files so far.
    file: u64,
}

/// A compaction in progress.
enum Compaction<L> {
    /// The records of the node are being written to a snapshot.
    Collecting(Snapshot<L>),
    /// The snapshot is being synced in the background.
    Syncing(Snapshot<L>),
}

impl<D: Disk + Send> Keep for Keeping<D>
where
    D::Log: Clone + Send + 'static,
{
    fn attend(&mut self, shared: &Arc<Shared>, wake: Option<Wake>) -> ControlFlow<(), Duration> {
        shared.keeper.looks();
        match wake {
            Some(Wake::Close(done)) => {
                self.close(shared);
                // A node that stops does not wait for compaction.
                let _ = done.send(());
                return ControlFlow::Break(());
            }
            Some(Wake::Synced { file, sequence, result }) => self.note_sync(shared, file, sequence, result),
            Some(Wake::SnapshotSynced(result)) => self.finish_compaction(shared, result),
            Some(Wake::Changed) | None => {}
        }
        let has_more = self.write_changes(shared);
        self.sync_in_background(shared);
        self.compact(shared);
        let is_busy = has_more || matches!(self.compaction, Some(Compaction::Collecting(_)));
        ControlFlow::Continue(if is_busy { Duration::ZERO } else { EVERY })
    }
}

impl<D: Disk> Keeping<D> {
    /// The standing right after the replay, when everything is on disk.
    pub(in crate::server) fn new(journal: Journal<D>, durability: Durability) -> Keeping<D> {
        let synced = journal.written();
        let now = Instant::now();
        Keeping {
            journal,
            durability,
            synced,
            records: 0,
            is_syncing: false,
            next_sync: now,
            compaction: None,
            not_before: now,
            file: 0,
        }
    }

    pub(in crate::server) fn standing(&self) -> Standing {
        Standing {
            written: self.journal.written(),
            synced: self.synced,
            failure: self.journal.failure().map(str::to_owned),
            bytes: self.journal.size().bytes,
            closed: false,
        }
    }

    /// Publishes the standing of the journal to links and clients that wait for it.
    fn publish_standing(&mut self, shared: &Shared, result: io::Result<()>) {
        let mut store = lock(shared);
        if let Err(error) = result {
            self.journal.fail(&mut store.node, &error);
            self.not_before = Instant::now();
        }
        let news = store.note_standing(self.standing());
        drop(store);
        if let Some(news) = news {
            shared.events.warn("disk", &news);
        }
        shared.settle();
    }
}

impl<D: Disk> Keeping<D>
where
    D::Log: Clone + Send + 'static,
{
    /// Appends new changes and, with `always`, syncs them. Returns whether there are more.
    fn write_changes(&mut self, shared: &Shared) -> bool {
        let more = self.collect_changes(shared);
        if !self.journal.has_collected() {
            return false;
        }
        let disk = &shared.disk_waits;
        let mut result = disk.during(Waiter::Journal, WRITE, || self.journal.append());
        if result.is_ok() && self.durability == Durability::Always {
            result = disk.during(Waiter::Journal, FSYNC, || self.journal.sync());
            if result.is_ok() {
                self.synced = self.journal.written();
            }
        }
        self.publish_standing(shared, result);
        more
    }

    /// Collects new changes. Returns whether there are more.
    fn collect_changes(&mut self, shared: &Shared) -> bool {
        let mut store = lock(shared);
        let more = self.journal.collect(&mut store.node, shared.limits.journal_batch_bytes);
        let table = store.node.table();
        self.records = table.all();
        shared.keeper.note_collected(table.head());
        more
    }

    /// Starts a sync of the appended lines, once a second.
    fn sync_in_background(&mut self, shared: &Arc<Shared>) {
        let sequence = self.journal.written();
        let file = self.file;
        let is_due = self.synced < sequence && self.next_sync <= Instant::now();
        let Some(log) = self.journal.log().filter(|_| is_due && !self.is_syncing) else { return };
        let mut log = log.clone();
        self.is_syncing = true;
        self.next_sync = Instant::now() + EVERY;
        in_background(shared, move || log.sync(), move |result| Wake::Synced { file, sequence, result });
    }

    fn note_sync(&mut self, shared: &Shared, file: u64, sequence: u64, result: io::Result<()>) {
        self.is_syncing = false;
        if file != self.file || self.journal.failure().is_some() {
            return;
        }
        if result.is_ok() {
            self.synced = self.synced.max(sequence);
        }
        self.publish_standing(shared, result);
    }

    /// Starts a compaction if the journal is long enough, or continues one by one piece.
    fn compact(&mut self, shared: &Arc<Shared>) {
        let step = match self.compaction.take() {
            None => self.begin_compaction(shared),
            Some(Compaction::Collecting(snapshot)) => collect(shared, snapshot).map(Some),
            syncing => Ok(syncing),
        };
        match step {
            Ok(compaction) => self.compaction = compaction,
            Err(error) => self.give_up_compaction(&error),
        }
    }

    fn begin_compaction(&mut self, shared: &Shared) -> io::Result<Option<Compaction<D::Log>>> {
        let may = self.not_before <= Instant::now();
        let least = shared.limits.journal_bytes;
        if !may || self.is_syncing || !self.journal.wants_snapshot(self.records, least) {
            return Ok(None);
        }
        let name = lock(shared).node.name().to_owned();
        let snapshot =
            shared.disk_waits.during(Waiter::Journal, "open", || self.journal.begin_snapshot(&name));
        snapshot.map(|snapshot| Some(Compaction::Collecting(snapshot)))
    }

    /// Replaces the journal with a synced snapshot, to which it appends the changes since.
    fn finish_compaction(&mut self, shared: &Shared, synced: io::Result<()>) {
        let Some(Compaction::Syncing(mut snapshot)) = self.compaction.take() else { return };
        let disk = &shared.disk_waits;
        let sealed = synced.and_then(|()| {
            while !finish(shared, &mut snapshot) {
                disk.during(Waiter::Journal, WRITE, || snapshot.append())?;
            }
            disk.during(Waiter::Journal, FSYNC, || snapshot.seal())
        });
        if let Err(error) = sealed {
            self.give_up_compaction(&error);
            // Links no longer wait for the snapshot.
            return self.publish_standing(shared, Ok(()));
        }
        let installed = disk.during(Waiter::Journal, "rename", || self.journal.install(snapshot));
        if installed.is_ok() {
            self.file += 1;
            self.synced = self.journal.written();
            let bytes = self.journal.size().bytes;
            info!(bytes, clients = lock(shared).node.table().len(), "journal compacted");
        }
        self.publish_standing(shared, installed);
    }

    fn give_up_compaction(&mut self, error: &io::Error) {
        let wait = if self.journal.failure().is_some() {
            debug!(%error, "the disk still fails");
            EVERY
        } else {
            warn!(%error, "journal compaction failed; the journal keeps growing");
            AFTER_FAILURE
        };
        self.not_before = Instant::now() + wait;
    }

    /// Closes the journal cleanly. Clients are not answered afterwards.
    fn close(&mut self, shared: &Shared) {
        // From here on, the table does not change.
        let mut store = lock(shared);
        store.note_standing(Standing { closed: true, ..self.standing() });
        self.journal.collect(&mut store.node, usize::MAX);
        drop(store);
        shared.settle();
        let closed = shared.disk_waits.during(Waiter::Journal, "close", || {
            self.journal.append()?;
            self.journal.close()
        });
        if let Err(error) = closed {
            warn!(%error, "cannot close the journal cleanly");
        }
    }
}

impl<D: Disk> Debug for Keeping<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.journal.fmt(f)
    }
}

/// Appends one piece of a snapshot. After the last piece, starts the sync of the snapshot.
fn collect<L: Log + Clone + Send + 'static>(
    shared: &Arc<Shared>,
    mut snapshot: Snapshot<L>,
) -> io::Result<Compaction<L>> {
    let has_more = snapshot.collect(&lock(shared).node);
    shared.disk_waits.during(Waiter::Journal, WRITE, || snapshot.append())?;
    if has_more {
        return Ok(Compaction::Collecting(snapshot));
    }
    let mut log = snapshot.log().clone();
    in_background(shared, move || log.sync(), Wake::SnapshotSynced);
    Ok(Compaction::Syncing(snapshot))
}

/// Collects the next piece of a snapshot. After the last piece, links send nothing newer until it
/// is known to be on disk.
fn finish<L: Log>(shared: &Shared, snapshot: &mut Snapshot<L>) -> bool {
    let mut store = lock(shared);
    let is_last = snapshot.finish(&store.node);
    if is_last {
        let upto = store.settled().upto.min(snapshot.sequence());
        store.withhold(upto);
    }
    is_last
}
