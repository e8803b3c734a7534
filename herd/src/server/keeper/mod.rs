//! The thread that keeps the journal, the only one that writes to it: reads the change log as a link does, hands what is
//! new to the disk, and says how far that got. What comes while it waits is written together afterwards.
//!
//! It does not wait for the syncs of `everysec` and of whole snapshots: a second thread does those, one after the other.

mod keeping;
#[cfg(test)]
mod tests;

pub(super) use keeping::Keeping;

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

use super::disk_wait::Waiter;
use super::shared::Shared;

/// How often the journal is looked after, at least: `everysec` is synced, and a disk that has failed is tried again.
const EVERY: Duration = Duration::from_secs(1);

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
            self.send_wake(Wake::Changed);
        }
    }

    /// Ends the journal properly. Returns early if there is none any more.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.send_wake(Wake::Close(done));
        let _ = closed.await;
    }

    fn send_wake(&self, wake: Wake) {
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
        let mut wait = Duration::ZERO;
        let mut waited = Duration::ZERO;
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
            shared.keeper.send_wake(wake(result));
        }
    };
    #[cfg(feature = "turmoil")]
    job();
    #[cfg(not(feature = "turmoil"))]
    // The thread lives as long as the node.
    let _ = shared.keeper.jobs.send(Box::new(job));
}
