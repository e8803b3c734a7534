//! A thread that keeps the journal in order: waits for the disk, and writes the journal anew when it is mostly of no
//! use any more. A thread, since both block.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::warn;

use super::store::Durability;
use super::{Shared, lock};
use crate::journal::Log;

/// How often the disk is waited for, at least, and tried again when it has failed.
const EVERY: Duration = Duration::from_secs(1);

/// The wait after a journal that works could not be written anew.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Wakes the thread.
#[derive(Clone, Debug)]
pub(super) struct Keeper(SyncSender<Wake>);

#[derive(Debug)]
enum Wake {
    Sync,
    /// End the journal properly, and say when that is done.
    Close(oneshot::Sender<()>),
}

/// What a keeper listens to.
pub(super) struct Wakes(Receiver<Wake>);

impl Keeper {
    pub(super) fn new() -> (Keeper, Wakes) {
        let (sender, receiver) = sync_channel(1);
        (Keeper(sender), Wakes(receiver))
    }

    /// Has what was recorded synced soon, and all that is recorded meanwhile.
    pub(super) fn ask_for_sync(&self) {
        // One that is asked for already will do.
        let _ = self.0.try_send(Wake::Sync);
    }

    /// Ends the journal properly. Returns early if the disk does not work.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let keeper = self.0.clone();
        // The channel may be full for as long as the disk takes.
        tokio::task::spawn_blocking(move || keeper.send(Wake::Close(done)));
        let _ = closed.await;
    }
}

impl Wakes {
    /// Starts the thread. It ends when the journal has been closed.
    ///
    /// # Errors
    /// The system has no threads left.
    pub(super) fn keep(self, shared: Arc<Shared>) -> io::Result<()> {
        let thread = thread::Builder::new().name("journal".to_owned());
        thread.spawn(move || run(&shared, &self.0)).map(drop)
    }
}

fn run(shared: &Shared, wakes: &Receiver<Wake>) {
    let mut not_before = Instant::now();
    loop {
        match wakes.recv_timeout(EVERY) {
            Ok(Wake::Close(done)) => return close(shared, done),
            Ok(Wake::Sync) | Err(RecvTimeoutError::Timeout) => sync(shared),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // While the disk fails it is tried each time.
        if Instant::now() < not_before && lock(shared).settled() != u64::MAX {
            continue;
        }
        match write_anew(shared, wakes) {
            Ok(None) => {}
            Ok(Some(done)) => return close(shared, done),
            Err(error) if lock(shared).settled() == u64::MAX => {
                tracing::debug!(%error, "the disk still fails");
            }
            Err(error) => {
                warn!(%error, "the journal cannot be written anew, and goes on growing");
                not_before = Instant::now() + AFTER_FAILURE;
            }
        }
    }
}

/// Waits until all that has been recorded is on disk.
fn sync(shared: &Shared) {
    let unsynced = lock(shared).unsynced();
    // A disk that has just failed has nobody waited for either: those who wait are told all the same.
    let Some((mut log, sequence)) = unsynced else { return tell(shared, |_| {}) };
    // The node is not locked meanwhile.
    let result = log.sync().map(|()| sequence);
    tell(shared, |store| store.note_sync(result));
}

/// Changes the store, and tells those who wait for the disk.
fn tell(shared: &Shared, change: impl FnOnce(&mut super::Store)) {
    let mut store = lock(shared);
    change(&mut store);
    let (settled, always) = (store.settled(), store.durability == Durability::Always);
    drop(store);
    shared.synced.send_replace(settled);
    if always {
        shared.announce_growth();
    }
}

/// Writes the journal anew, if that is worth it. Returns early when it is to be closed.
fn write_anew(shared: &Shared, wakes: &Receiver<Wake>) -> io::Result<Option<oneshot::Sender<()>>> {
    let Some(mut snapshot) = lock(shared).begin_snapshot()? else { return Ok(None) };
    loop {
        let is_full = snapshot.collect(&lock(shared).node);
        snapshot.append()?;
        match wakes.try_recv() {
            Ok(Wake::Close(done)) => return Ok(Some(done)),
            Ok(Wake::Sync) => sync(shared),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        if !is_full {
            break;
        }
    }
    snapshot.sync()?;
    let mut result = Ok(());
    tell(shared, |store| result = store.take_over(snapshot));
    result.map(|()| None)
}

fn close(shared: &Shared, done: oneshot::Sender<()>) {
    let closed = lock(shared).close();
    if let Err(error) = closed {
        warn!(%error, "the journal was not closed properly");
    }
    // Nobody waits when the node is in a hurry.
    let _ = done.send(());
}
