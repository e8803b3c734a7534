//! Turns that share a thread fairly between busy clients.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// The turns of the busy clients of one thread.
///
/// A client that always has input would occupy its thread, and starve the links, the admin port and
/// all other clients there. So such a client is served in turns of at most
/// [`turn_lines`](crate::node::Limits::turn_lines) lines, and waits here between turns. The order
/// is first come, first served.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Turns {
        Turns(Semaphore::const_new(1))
    }

    /// Waits for the next turn.
    ///
    /// One client at a time passes, and only after the runtime has run every task that was ready
    /// and has polled sockets and timers. So a task that is not busy waits for one turn of one busy
    /// client, regardless of their number.
    pub(super) async fn next(&self) {
        // Cannot fail: the semaphore is never closed.
        let _passing = self.0.acquire().await;
        yield_now().await;
    }
}
