//! The times at which commands are due.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// The times at which the commands of one connection are due.
pub(super) enum Pace {
    /// A closed loop: a command is due when there is room for it, until `end`.
    Closed { end: Instant },
    /// An open loop: a command is due when its time is received, until the channel is closed.
    Open { calls: mpsc::UnboundedReceiver<Instant>, ended: bool },
}

impl Pace {
    /// Returns the pace of each connection. They send from `started` for `duration`: with a rate,
    /// in an open loop with `rate` commands a second together, otherwise in a closed loop.
    ///
    /// In the open loop a separate thread sends the times. It sleeps more exactly than the timer of
    /// the runtime, which counts milliseconds.
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
                // A connection that broke has ended the load.
                if due >= end || caller.is_closed() {
                    return;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let _ = caller.send(due);
            }
        });
        paces
    }

    /// Returns the time at which commands were due and their number, which is at most `most`;
    /// `None` if no command is due now.
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

    /// Returns whether no more commands will be due.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Pace::Closed { end } => Instant::now() >= *end,
            Pace::Open { ended, .. } => *ended,
        }
    }

    /// Waits until the next command of an open loop is due. Returns `None` if no more will be due.
    /// In a closed loop this waits forever, because the next command waits for an answer.
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
