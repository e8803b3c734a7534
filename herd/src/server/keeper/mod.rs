//! The journal's thread, the only one that writes to the journal. It reads the change log as a link
//! does, writes new changes, and publishes how far it has got. Changes that arrive while it waits
//! for the disk are written together afterwards.
//!
//! A second thread runs the syncs of `everysec` and of whole snapshots, one at a time, so that the
//! first does not wait for them.

mod keeping;
#[cfg(test)]
mod tests;

pub(super) use keeping::Keeping;

use std::fmt::Debug;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
#[cfg(not(feature = "turmoil"))]
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::disk_wait::{FSYNC, Waiter};
use super::shared::Shared;

/// The longest pause between two runs of the journal's thread, which syncs `everysec` and retries a
/// disk that has failed.
const EVERY: Duration = Duration::from_secs(1);

/// The number of changes for which the thread is woken at once. Fewer cost more in wakes of threads
/// and writes than they gain; more leave the thread idle while clients wait for it.
const MANY: u64 = 256;

/// Wakes the threads of the journal.
#[derive(Debug)]
pub(super) struct Keeper {
    wakes: Sender<Wake>,
    #[cfg_attr(feature = "turmoil", expect(dead_code, reason = "nothing waits for another thread there"))]
    jobs: Sender<Job>,
    /// Whether the journal's thread has been woken and has not yet run. Always true if there is no
    /// thread.
    is_woken: AtomicBool,
    /// Whether a task is about to wake the thread.
    is_wake_due: AtomicBool,
    /// The last sequence that the thread has collected.
    collected: AtomicU64,
}

/// The receiving ends, for the threads.
#[derive(Debug)]
pub(super) struct Ears {
    wakes: Receiver<Wake>,
    #[cfg_attr(feature = "turmoil", expect(dead_code, reason = "nothing waits for another thread there"))]
    jobs: Receiver<Job>,
}

/// A sync to run in the second thread.
type Job = Box<dyn FnOnce() + Send>;

/// The reason for waking the journal's thread.
#[derive(Debug)]
pub(super) enum Wake {
    /// The table has changed.
    Changed,
    /// The journal has been synced up to a sequence, or the sync has failed. Ignored if the
    /// `file`th file is no longer the journal.
    Synced { file: u64, sequence: u64, result: io::Result<()> },
    /// The sync of a snapshot has succeeded or failed.
    SnapshotSynced(io::Result<()>),
    /// Close the journal cleanly, and reply afterwards.
    Close(oneshot::Sender<()>),
}

/// The work of the journal's thread.
pub(super) trait Keep: Debug + Send {
    /// Does the work that is due after a wake or a timeout. Returns the longest time until the next
    /// run; breaks once the journal is closed.
    fn attend(&mut self, shared: &Arc<Shared>, wake: Option<Wake>) -> ControlFlow<(), Duration>;
}

impl Keeper {
    /// A keeper whose threads have not been [started](start).
    pub(super) fn new() -> (Keeper, Ears) {
        let ((wakes, woken), (jobs, to_do)) = (channel(), channel());
        let keeper = Keeper {
            wakes,
            jobs,
            is_woken: AtomicBool::new(true),
            is_wake_due: AtomicBool::new(false),
            collected: AtomicU64::new(0),
        };
        (keeper, Ears { wakes: woken, jobs: to_do })
    }

    /// Wakes the thread to write the changes up to the sequence `head`: at once if they are many,
    /// or else when the tasks that are ready now have run, so that their changes are written
    /// together. Nearly free for a node in memory.
    pub(super) fn wake_for(shared: &Arc<Shared>, head: u64) {
        let keeper = &shared.keeper;
        if keeper.is_woken.load(Ordering::SeqCst) {
            return;
        }
        if head.saturating_sub(keeper.collected.load(Ordering::Relaxed)) >= MANY {
            keeper.wake();
        } else if !keeper.is_wake_due.swap(true, Ordering::SeqCst) {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                shared.keeper.is_wake_due.store(false, Ordering::SeqCst);
                shared.keeper.wake();
            });
        }
    }

    fn wake(&self) {
        if !self.is_woken.load(Ordering::SeqCst) && !self.is_woken.swap(true, Ordering::SeqCst) {
            self.send_wake(Wake::Changed);
        }
    }

    /// Closes the journal cleanly. Returns early if it is closed already.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.send_wake(Wake::Close(done));
        let _ = closed.await;
    }

    fn send_wake(&self, wake: Wake) {
        // The error is ignored: without a thread there is no journal.
        let _ = self.wakes.send(wake);
    }

    /// Records that the thread has collected everything up to `sequence`.
    fn note_collected(&self, sequence: u64) {
        self.collected.store(sequence, Ordering::Relaxed);
    }

    /// Records that the thread is about to read new changes.
    fn looks(&self) {
        self.is_woken.store(false, Ordering::SeqCst);
    }
}

/// Starts the threads. They end once the journal is closed.
///
/// # Errors
/// The system cannot start a thread.
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

/// The same as a task on the simulated clock, where a thread would block the simulation.
#[cfg(feature = "turmoil")]
pub(super) fn start(shared: Arc<Shared>, mut journal: Box<dyn Keep>, ears: Ears) -> io::Result<()> {
    /// The interval between checks for a wake.
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

/// Runs a sync in the second thread, and wakes the journal's thread afterwards.
fn in_background(
    shared: &Arc<Shared>,
    sync: impl FnOnce() -> io::Result<()> + Send + 'static,
    wake: impl FnOnce(io::Result<()>) -> Wake + Send + 'static,
) {
    let job = {
        let shared = Arc::clone(shared);
        move || {
            let result = shared.disk_waits.during(Waiter::Background, FSYNC, sync);
            shared.keeper.send_wake(wake(result));
        }
    };
    #[cfg(feature = "turmoil")]
    job();
    #[cfg(not(feature = "turmoil"))]
    // Cannot fail: the thread lives as long as the node.
    let _ = shared.keeper.jobs.send(Box::new(job));
}
