//! Turns for busy clients.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Whose turn it is among the busy clients of one thread.
///
/// A client whose input never runs dry would keep its thread for itself, and with it the links, the
/// admin port and every other client. So such a client works in turns of bounded size
/// ([`turn_lines`](crate::node::Limits::turn_lines)), and waits here between them, first come, first
/// served.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Turns {
        Turns(Semaphore::const_new(1))
    }

    /// Waits for the next turn.
    ///
    /// One client at a time passes, and only after the runtime has served every task that was ready
    /// and has looked for new events of sockets and timers. So whatever is not busy waits for one turn
    /// of one busy client, however many of those there are.
    pub(super) async fn next(&self) {
        // The semaphore is never closed.
        let _passing = self.0.acquire().await;
        yield_now().await;
    }
}
