//! The thread that keeps the journal, the only one that writes to it: reads the change log as a link does, hands what is
//! new to the disk, and says how far that got. What comes while it waits is written together afterwards.
//!
//! It does not wait for the syncs of `everysec` and of whole snapshots: a second thread does those, one after the other.

use std::fmt::Debug;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
#[cfg(not(feature = "turmoil"))]
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::disk_wait::Waiter;
use super::store::{Durability, Standing};
use super::{Shared, lock};
use crate::journal::{Disk, Journal, Log, Snapshot};

/// How often the journal is looked after, at least: `everysec` is synced, and a disk that has failed is tried again.
const EVERY: Duration = Duration::from_secs(1);

/// The wait after a journal that works could not be compacted.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Wakes the threads.
#[derive(Debug)]
pub(super) struct Keeper {
    wakes: Sender<Wake>,
    #[cfg_attr(feature = "turmoil", expect(dead_code, reason = "nothing waits for another thread there"))]
    jobs: Sender<Job>,
    /// The journal's thread has been woken, and has not looked since. Always true if there is no thread.
    is_woken: AtomicBool,
}

/// What the threads listen to.
#[derive(Debug)]
pub(super) struct Ears {
    wakes: Receiver<Wake>,
    #[cfg_attr(feature = "turmoil", expect(dead_code, reason = "nothing waits for another thread there"))]
    jobs: Receiver<Job>,
}

/// A sync for the second thread.
type Job = Box<dyn FnOnce() + Send>;

/// What wakes it.
#[derive(Debug)]
pub(super) enum Wake {
    /// The table has changed.
    Changed,
    /// The journal has been synced, up to a sequence, or the disk has failed. A file that is not the `file`th of the journal
    /// does not matter any more.
    Synced { file: u64, sequence: u64, result: io::Result<()> },
    /// A snapshot has been synced, or not.
    SnapshotSynced(io::Result<()>),
    /// End the journal properly, and say when that is done.
    Close(oneshot::Sender<()>),
}

/// A journal and what is done with it.
pub(super) trait Keep: Debug + Send {
    /// Does what is due after a wake, or when the time has come. Says how long the next wake may take; breaks when the
    /// journal has been closed.
    fn attend(&mut self, shared: &Arc<Shared>, wake: Option<Wake>) -> ControlFlow<(), Duration>;
}

impl Keeper {
    /// A keeper that is asleep until its threads are [started](start).
    pub(super) fn new() -> (Keeper, Ears) {
        let ((wakes, woken), (jobs, to_do)) = (channel(), channel());
        (Keeper { wakes, jobs, is_woken: AtomicBool::new(true) }, Ears { wakes: woken, jobs: to_do })
    }

    /// Has what has changed written soon. Costs next to nothing for a node in memory.
    pub(super) fn wake(&self) {
        if !self.is_woken.load(Ordering::SeqCst) && !self.is_woken.swap(true, Ordering::SeqCst) {
            self.tell(Wake::Changed);
        }
    }

    /// Ends the journal properly. Returns early if there is none any more.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.tell(Wake::Close(done));
        let _ = closed.await;
    }

    fn tell(&self, wake: Wake) {
        // Without a thread there is nobody to do anything about it.
        let _ = self.wakes.send(wake);
    }

    /// The thread is about to look at what has changed.
    fn looks(&self) {
        self.is_woken.store(false, Ordering::SeqCst);
    }
}

/// Starts the threads. They end when the journal has been closed.
///
/// # Errors
/// The system has no threads left.
#[cfg(not(feature = "turmoil"))]
pub(super) fn start(shared: Arc<Shared>, mut journal: Box<dyn Keep>, ears: Ears) -> io::Result<()> {
    use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
    let Ears { wakes, jobs } = ears;
    let syncs = move || jobs.iter().for_each(|job: Job| job());
    thread::Builder::new().name("journal-sync".to_owned()).spawn(syncs)?;
    shared.keeper.looks();
    let run = move || {
        let mut wait = Duration::ZERO;
        loop {
            let wake = match wakes.recv_timeout(wait) {
                Ok(wake) => Some(wake),
                Err(Timeout) => None,
                Err(Disconnected) => return,
            };
            match journal.attend(&shared, wake) {
                ControlFlow::Continue(next) => wait = next,
                ControlFlow::Break(()) => return,
            }
        }
    };
    thread::Builder::new().name("journal".to_owned()).spawn(run).map(drop)
}

/// The same on the simulation's clock, where nothing may wait for another thread.
#[cfg(feature = "turmoil")]
pub(super) fn start(shared: Arc<Shared>, mut journal: Box<dyn Keep>, ears: Ears) -> io::Result<()> {
    /// How often it is looked for a wake.
    const LOOK: Duration = Duration::from_millis(1);
    shared.keeper.looks();
    tokio::spawn(async move {
        let (mut wait, mut waited) = (Duration::ZERO, Duration::ZERO);
        loop {
            let wake = ears.wakes.try_recv().ok();
            if wake.is_none() && waited < wait {
                tokio::time::sleep(LOOK).await;
                waited += LOOK;
                continue;
            }
            match journal.attend(&shared, wake) {
                ControlFlow::Continue(next) => (wait, waited) = (next, Duration::ZERO),
                ControlFlow::Break(()) => return,
            }
        }
    });
    Ok(())
}

/// A journal on some disk.
pub(super) struct Keeping<D: Disk> {
    journal: Journal<D>,
    durability: Durability,
    /// The last sequence that is on disk.
    synced: u64,
    /// A sync of the journal runs in the background.
    is_syncing: bool,
    /// When the next one of `everysec` is due.
    next_sync: Instant,
    compaction: Option<Compaction<D::Log>>,
    /// The journal is not compacted before.
    not_before: Instant,
    /// How many files there have been.
    file: u64,
}

/// A compaction under way.
enum Compaction<L> {
    /// What the node knows is being collected.
    Collecting(Snapshot<L>),
    /// That is being synced in the background.
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
                // Nobody waits when the node is in a hurry.
                let _ = done.send(());
                return ControlFlow::Break(());
            }
            Some(Wake::Synced { file, sequence, result }) => self.note_sync(shared, file, sequence, result),
            Some(Wake::SnapshotSynced(result)) => self.finish_compaction(shared, result),
            Some(Wake::Changed) | None => {}
        }
        let has_more = self.write(shared);
        self.sync_in_background(shared);
        self.compact(shared);
        let is_busy = has_more || matches!(self.compaction, Some(Compaction::Collecting(_)));
        ControlFlow::Continue(if is_busy { Duration::ZERO } else { EVERY })
    }
}

impl<D: Disk> Keeping<D> {
    /// What has been read back, and is on disk.
    pub(super) fn new(journal: Journal<D>, durability: Durability) -> Keeping<D> {
        let (synced, now) = (journal.written(), Instant::now());
        Keeping {
            journal,
            durability,
            synced,
            is_syncing: false,
            next_sync: now,
            compaction: None,
            not_before: now,
            file: 0,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            written: self.journal.written(),
            synced: self.synced,
            failure: self.journal.failure().map(str::to_owned),
            bytes: self.journal.size().bytes,
            closed: false,
        }
    }

    /// Says how the journal is now: to links and clients that wait for it, too.
    fn tell(&mut self, shared: &Shared, result: io::Result<()>) {
        let mut store = lock(shared);
        if let Err(error) = result {
            self.journal.fail(&mut store.node, &error);
            self.not_before = Instant::now();
        }
        store.note(self.standing());
        let settled = store.settled();
        drop(store);
        shared.settle(settled);
    }
}

impl<D: Disk> Keeping<D>
where
    D::Log: Clone + Send + 'static,
{
    /// Appends what has changed, and with `always` syncs it. Returns whether there is more.
    fn write(&mut self, shared: &Shared) -> bool {
        let more = self.journal.collect(&lock(shared).node, shared.limits.journal_batch_bytes);
        if !self.journal.has_collected() {
            return false;
        }
        let disk = &shared.disk_waits;
        let mut result = disk.during(Waiter::Journal, "write", || self.journal.append());
        if result.is_ok() && self.durability == Durability::Always {
            result = disk.during(Waiter::Journal, "fsync", || self.journal.sync());
            if result.is_ok() {
                self.synced = self.journal.written();
            }
        }
        self.tell(shared, result);
        more
    }

    /// Begins to sync what has been appended, once a second.
    fn sync_in_background(&mut self, shared: &Arc<Shared>) {
        let (sequence, file) = (self.journal.written(), self.file);
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
        self.tell(shared, result);
    }

    /// Begins to compact the journal if that is worth it, or goes on with it by a piece.
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
        if !may || self.is_syncing || !self.journal.wants_snapshot(&lock(shared).node, least) {
            return Ok(None);
        }
        let name = lock(shared).node.name().to_owned();
        let snapshot =
            shared.disk_waits.during(Waiter::Journal, "open", || self.journal.begin_snapshot(&name));
        snapshot.map(|snapshot| Some(Compaction::Collecting(snapshot)))
    }

    /// Puts a snapshot that has been synced in the place of the journal, with what has changed since.
    fn finish_compaction(&mut self, shared: &Shared, synced: io::Result<()>) {
        let Some(Compaction::Syncing(mut snapshot)) = self.compaction.take() else { return };
        let disk = &shared.disk_waits;
        let sealed = synced.and_then(|()| {
            while !finish(shared, &mut snapshot) {
                disk.during(Waiter::Journal, "write", || snapshot.append())?;
            }
            disk.during(Waiter::Journal, "fsync", || snapshot.seal())
        });
        if let Err(error) = sealed {
            self.give_up_compaction(&error);
            // Links need not wait for it any more.
            return self.tell(shared, Ok(()));
        }
        let installed = disk.during(Waiter::Journal, "rename", || self.journal.install(snapshot));
        if installed.is_ok() {
            self.file += 1;
            self.synced = self.journal.written();
            let bytes = self.journal.size().bytes;
            info!(bytes, clients = lock(shared).node.table().len(), "journal compacted");
        }
        self.tell(shared, installed);
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

    /// Ends the journal properly; nothing may be answered any more.
    fn close(&mut self, shared: &Shared) {
        // From here on nothing changes that could be told.
        let mut store = lock(shared);
        store.note(Standing { closed: true, ..self.standing() });
        let settled = store.settled();
        self.journal.collect(&store.node, usize::MAX);
        drop(store);
        shared.settle(settled);
        let closed = shared.disk_waits.during(Waiter::Journal, "close", || {
            self.journal.append()?;
            self.journal.close()
        });
        if let Err(error) = closed {
            warn!(%error, "the journal was not closed properly");
        }
    }
}

impl<D: Disk> Debug for Keeping<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.journal.fmt(f)
    }
}

/// Appends a piece of a snapshot; has it synced after the last one.
fn collect<L: Log + Clone + Send + 'static>(
    shared: &Arc<Shared>,
    mut snapshot: Snapshot<L>,
) -> io::Result<Compaction<L>> {
    let has_more = snapshot.collect(&lock(shared).node);
    shared.disk_waits.during(Waiter::Journal, "write", || snapshot.append())?;
    if has_more {
        return Ok(Compaction::Collecting(snapshot));
    }
    let mut log = snapshot.log().clone();
    in_background(shared, move || log.sync(), Wake::SnapshotSynced);
    Ok(Compaction::Syncing(snapshot))
}

/// Collects the last piece of a snapshot, or one more. After the last one links say nothing newer until the journal is
/// known to have it.
fn finish<L: Log>(shared: &Shared, snapshot: &mut Snapshot<L>) -> bool {
    let mut store = lock(shared);
    let is_last = snapshot.finish(&store.node);
    if is_last {
        let upto = store.settled().upto.min(snapshot.sequence());
        store.withhold(upto);
    }
    is_last
}

/// Waits for the disk in the second thread, and wakes the journal's thread afterwards.
fn in_background(
    shared: &Arc<Shared>,
    sync: impl FnOnce() -> io::Result<()> + Send + 'static,
    wake: impl FnOnce(io::Result<()>) -> Wake + Send + 'static,
) {
    let job = {
        let shared = Arc::clone(shared);
        move || {
            let result = shared.disk_waits.during(Waiter::Background, "fsync", sync);
            shared.keeper.tell(wake(result));
        }
    };
    #[cfg(feature = "turmoil")]
    job();
    #[cfg(not(feature = "turmoil"))]
    // The thread lives as long as the node.
    let _ = shared.keeper.jobs.send(Box::new(job));
}

#[cfg(test)]
mod tests;
