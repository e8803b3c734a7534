//! Measures waits for the disk, and reports long ones: the thread that waits cannot report them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::shared::Shared;
use crate::histogram::{Distribution, Histogram, QUICK};

/// The disk operations in progress, and the durations of those that are over.
#[derive(Debug)]
pub(super) struct DiskWaits {
    waits: Mutex<Waits>,
    writes: Histogram,
    syncs: Histogram,
}

/// The operations whose durations are recorded.
pub(super) const WRITE: &str = "write";
pub(super) const FSYNC: &str = "fsync";

#[derive(Debug, Default)]
struct Waits {
    /// At most one operation of the journal's thread, and at most one in the background.
    pending: [Option<Wait>; 2],
    /// The duration of the last operation.
    last: Duration,
}

/// A disk operation and its start.
#[derive(Clone, Copy, Debug)]
struct Wait {
    operation: &'static str,
    began: Instant,
}

/// The thread that waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// The thread of the journal.
    Journal,
    /// The thread that syncs in the background.
    Background,
}

impl Default for DiskWaits {
    fn default() -> DiskWaits {
        DiskWaits { waits: Mutex::default(), writes: Histogram::new(QUICK), syncs: Histogram::new(QUICK) }
    }
}

impl DiskWaits {
    /// Runs `run`, and records that its thread waits for `operation` meanwhile.
    pub(super) fn during<T>(&self, waiter: Waiter, operation: &'static str, run: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        self.lock().pending[waiter as usize] = Some(Wait { operation, began });
        let result = run();
        let took = began.elapsed();
        let mut waits = self.lock();
        waits.pending[waiter as usize] = None;
        waits.last = took;
        drop(waits);
        match operation {
            WRITE => self.writes.record(took, 1),
            FSYNC => self.syncs.record(took, 1),
            _ => {}
        }
        result
    }

    /// The durations of writes.
    pub(super) fn writes(&self) -> Distribution {
        self.writes.distribution()
    }

    /// The durations of syncs.
    pub(super) fn syncs(&self) -> Distribution {
        self.syncs.distribution()
    }

    /// The oldest operation in progress and its duration; zero if there is none.
    pub(super) fn longest(&self) -> (&'static str, Duration) {
        let pending = self.lock().pending;
        let longest = pending.iter().flatten().min_by_key(|wait| wait.began);
        longest.map_or(("nothing", Duration::ZERO), |wait| (wait.operation, wait.began.elapsed()))
    }

    /// Whether the last operation took less than `patience`, or none is in progress.
    fn is_quick(&self, patience: Duration) -> bool {
        let waits = self.lock();
        waits.last < patience || waits.pending.iter().all(Option::is_none)
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks of the disk per `disk_patience`.
const LOOKS: u32 = 4;

/// Logs when the disk stops responding, and when it responds again.
pub(super) async fn report(shared: Arc<Shared>) {
    let events = &shared.events;
    watch_stalls(Arc::clone(&shared.disk_waits), shared.limits.disk_patience, |stall| match stall {
        Stall::Begins(operation, waited) => {
            let seconds = waited.as_secs_f64();
            warn!(operation, seconds, "the disk does not respond; answers that depend on it wait");
            events.warn("disk", &format!("the disk has not responded for {seconds:.1} s ({operation})"));
        }
        Stall::Ends(took) => {
            let seconds = took.as_secs_f64();
            info!(seconds, "the disk responds again");
            events.warn("disk", &format!("the disk responds again, after {seconds:.1} s"));
        }
    })
    .await;
}

/// Passes each stall to `log` when it begins and when it ends.
async fn watch_stalls(waits: Arc<DiskWaits>, patience: Duration, mut log: impl FnMut(Stall)) {
    let mut stalls = Stalls::default();
    loop {
        sleep(patience / LOOKS).await;
        if let Some(stall) = stalls.check_waits(&waits, patience) {
            log(stall);
        }
    }
}

/// Detects when a disk stops answering in time, and when it answers in time again. A disk that
/// stays slow counts as one stall.
#[derive(Debug, Default)]
struct Stalls(Option<Instant>);

#[derive(Debug, PartialEq, Eq)]
enum Stall {
    /// An operation, and the time for which it has not returned.
    Begins(&'static str, Duration),
    /// The duration of the operation that has returned.
    Ends(Duration),
}

impl Stalls {
    fn check_waits(&mut self, waits: &DiskWaits, patience: Duration) -> Option<Stall> {
        let (operation, waited) = waits.longest();
        if waited >= patience {
            let is_known = self.0.is_some();
            self.0.get_or_insert_with(|| Instant::now() - waited);
            return (!is_known).then_some(Stall::Begins(operation, waited));
        }
        let began = self.0.take_if(|_| waits.is_quick(patience))?;
        Some(Stall::Ends(began.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(2);

    /// The longest wait for a stall to be logged.
    const DEADLINE: Duration = Duration::from_secs(30);

    /// Runs an operation that takes longer than the patience, and calls `look` at its end.
    fn hang(waits: &DiskWaits, look: impl FnOnce()) {
        waits.during(Waiter::Journal, "fsync", || {
            while waits.longest().1 < PATIENCE {
                std::thread::yield_now();
            }
            look();
        });
    }

    #[test]
    fn a_stall_is_told_once_when_it_begins_and_once_when_it_ends() {
        let (waits, mut stalls) = (DiskWaits::default(), Stalls::default());
        assert_eq!(stalls.check_waits(&waits, PATIENCE), None);
        hang(&waits, || {
            let begins = stalls.check_waits(&waits, PATIENCE);
            assert!(matches!(begins, Some(Stall::Begins("fsync", _))), "{begins:?}");
            assert_eq!(stalls.check_waits(&waits, PATIENCE), None);
        });
        assert!(matches!(stalls.check_waits(&waits, PATIENCE), Some(Stall::Ends(took)) if took >= PATIENCE));
        assert_eq!(stalls.check_waits(&waits, PATIENCE), None);
    }

    #[test]
    fn a_disk_that_is_always_slow_is_one_stall() {
        let (waits, mut stalls) = (DiskWaits::default(), Stalls::default());
        hang(&waits, || assert!(stalls.check_waits(&waits, PATIENCE).is_some()));
        // The disk is busy again before the next look.
        let hour = Duration::from_secs(3600);
        waits.waits.lock().unwrap().last = hour;
        waits.during(Waiter::Journal, "fsync", || assert_eq!(stalls.check_waits(&waits, hour), None));
        waits.waits.lock().unwrap().last = PATIENCE;
        waits.during(Waiter::Journal, "fsync", || {
            assert!(matches!(stalls.check_waits(&waits, hour), Some(Stall::Ends(_))));
        });
    }

    #[test]
    fn the_longest_wait_is_told_and_none_when_there_is_none() {
        let waits = DiskWaits::default();
        assert_eq!(waits.longest(), ("nothing", Duration::ZERO));
        waits.during(Waiter::Background, "fsync", || {
            waits.during(Waiter::Journal, "write", || assert_eq!(waits.longest().0, "fsync"));
            assert_eq!(waits.longest().0, "fsync");
        });
        assert_eq!(waits.longest().1, Duration::ZERO);
    }

    #[tokio::test]
    async fn a_stall_is_logged_when_it_begins_and_when_it_ends() {
        let waits = Arc::new(DiskWaits::default());
        let patience = Duration::from_millis(20);
        let (logged, mut log) = tokio::sync::mpsc::unbounded_channel();
        waits.lock().pending[0] = Some(Wait { operation: "fsync", began: Instant::now() - patience });
        tokio::spawn(watch_stalls(Arc::clone(&waits), patience, move |stall| logged.send(stall).unwrap()));
        let begun = timeout(DEADLINE, log.recv()).await.unwrap();
        assert!(matches!(begun, Some(Stall::Begins("fsync", waited)) if waited >= patience), "{begun:?}");
        waits.lock().pending[0] = None;
        let ended = timeout(DEADLINE, log.recv()).await.unwrap();
        assert!(matches!(ended, Some(Stall::Ends(took)) if took >= patience), "{ended:?}");
    }
}
