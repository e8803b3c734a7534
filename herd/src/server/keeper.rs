//! A thread that keeps the journal in order: waits for the disk, and writes the journal anew when it is mostly of no
//! use any more. A thread, since both block.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::warn;

use super::store::Durability;
use super::{Shared, lock};
use crate::journal::Log;

/// How often the disk is waited for, at least, and tried again when it has failed.
const EVERY: Duration = Duration::from_secs(1);

/// The wait after a journal that works could not be written anew.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// How often somebody who finds the channel full looks again.
const FULL: Duration = Duration::from_millis(1);

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
        let mut wake = Wake::Close(done);
        // The channel may be full for as long as the disk takes.
        while let Err(TrySendError::Full(again)) = self.0.try_send(wake) {
            wake = again;
            sleep(FULL).await;
        }
        let _ = closed.await;
    }
}

impl Wakes {
    /// Starts the thread. It ends when the journal has been closed.
    ///
    /// # Errors
    /// The system has no threads left.
    #[cfg(not(feature = "turmoil"))]
    pub(super) fn keep(self, shared: Arc<Shared>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("journal".to_owned());
        thread.spawn(move || self.run(&shared)).map(drop)
    }

    /// The same on the simulation's clock, where nothing may wait for another thread.
    #[cfg(feature = "turmoil")]
    pub(super) fn keep(self, shared: Arc<Shared>) -> io::Result<()> {
        tokio::spawn(async move {
            let (mut keeping, mut idle) = (Keeping::default(), Duration::ZERO);
            loop {
                sleep(FULL).await;
                idle += FULL;
                let wake = self.0.try_recv().ok();
                if wake.is_some() || idle >= EVERY {
                    idle = Duration::ZERO;
                    if keeping.attend(&shared, &self.0, wake).is_break() {
                        return;
                    }
                }
            }
        });
        Ok(())
    }

    #[cfg(not(feature = "turmoil"))]
    fn run(&self, shared: &Shared) {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        let mut keeping = Keeping::default();
        loop {
            let wake = match self.0.recv_timeout(EVERY) {
                Ok(wake) => Some(wake),
                Err(Timeout) => None,
                Err(Disconnected) => return,
            };
            if keeping.attend(shared, &self.0, wake).is_break() {
                return;
            }
        }
    }
}

/// What has been kept so far.
#[derive(Default)]
struct Keeping {
    /// A journal that works is not written anew before.
    not_before: Option<Instant>,
}

impl Keeping {
    /// Does what is due after a wake, or after a second without one. Breaks when the journal has been closed.
    fn attend(&mut self, shared: &Shared, wakes: &Receiver<Wake>, wake: Option<Wake>) -> ControlFlow<()> {
        if let Some(Wake::Close(done)) = wake {
            close(shared, done);
            return ControlFlow::Break(());
        }
        sync(shared);
        // While the disk fails it is tried each time.
        let waits = self.not_before.is_some_and(|not_before| Instant::now() < not_before);
        if waits && lock(shared).settled() != u64::MAX {
            return ControlFlow::Continue(());
        }
        match write_anew(shared, wakes) {
            Ok(None) => {}
            Ok(Some(done)) => {
                close(shared, done);
                return ControlFlow::Break(());
            }
            Err(error) if lock(shared).settled() == u64::MAX => {
                tracing::debug!(%error, "the disk still fails");
            }
            Err(error) => {
                warn!(%error, "the journal cannot be written anew, and goes on growing");
                self.not_before = Some(Instant::now() + AFTER_FAILURE);
            }
        }
        ControlFlow::Continue(())
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
