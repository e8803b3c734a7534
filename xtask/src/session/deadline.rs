//! The timeout of a session's step.

use std::time::{Duration, Instant};

/// The time after which a step fails, and the timeout that it was made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    timeout: Duration,
    end: Instant,
}

impl Deadline {
    /// The deadline that is `timeout` from now.
    pub(super) fn after(timeout: Duration) -> Deadline {
        Deadline { timeout, end: Instant::now() + timeout }
    }

    /// A deadline with the same timeout, counted from now.
    pub(super) fn again(self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// The time left until the deadline.
    ///
    /// # Errors
    /// The deadline has passed. The message is "waited 10s", for the caller to complete.
    pub(super) fn left(self) -> Result<Duration, String> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(format!("waited {:?}", self.timeout)) } else { Ok(left) }
    }
}
