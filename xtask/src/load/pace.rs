//! When commands are due.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// When the commands of one connection are due.
pub(super) enum Pace {
    /// As soon as there is room, until the end.
    Closed { end: Instant },
    /// When called, until nobody calls any more.
    Open { calls: mpsc::UnboundedReceiver<Instant>, ended: bool },
}

impl Pace {
    /// The paces of `connections` that send for `duration` from `started` on: at `rate` commands a second in all, or
    /// in a closed loop. In the open loop a thread of its own calls each command when it is due: it sleeps more
    /// exactly than a runtime's timer, which counts milliseconds.
    pub(super) fn of(
        connections: usize,
        rate: Option<f64>,
        started: Instant,
        duration: Duration,
    ) -> Vec<Pace> {
        let end = started + duration;
        let Some(rate) = rate else {
            return (0..connections).map(|_| Pace::Closed { end }).collect();
        };
        let (callers, paces): (Vec<_>, Vec<_>) = (0..connections)
            .map(|_| {
                let (caller, calls) = mpsc::unbounded_channel();
                (caller, Pace::Open { calls, ended: false })
            })
            .unzip();
        thread::spawn(move || {
            for (number, caller) in callers.iter().cycle().enumerate() {
                let due = started + Duration::from_secs_f64(number as f64 / rate);
                // A connection that broke has ended the run.
                if due >= end || caller.is_closed() {
                    return;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let _ = caller.send(due);
            }
        });
        paces
    }

    /// When the next commands were due, if any are, and how many of the `most` that there is room for.
    pub(super) fn due_now(&mut self, most: usize) -> Option<(Instant, usize)> {
        match self {
            Pace::Closed { end } => Some((Instant::now(), most)).filter(|(now, _)| now < end),
            Pace::Open { calls, ended } => match calls.try_recv() {
                Ok(due) => Some((due, 1)),
                Err(error) => {
                    *ended = error == mpsc::error::TryRecvError::Disconnected;
                    None
                }
            },
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        match self {
            Pace::Closed { end } => Instant::now() >= *end,
            Pace::Open { ended, .. } => *ended,
        }
    }

    /// Waits until another command is due, `None` when none will be; for ever when that depends on answers.
    pub(super) async fn next_due(&mut self) -> Option<Instant> {
        match self {
            Pace::Open { calls, ended } => {
                let due = calls.recv().await;
                *ended = due.is_none();
                due
            }
            Pace::Closed { .. } => std::future::pending().await,
        }
    }
}
