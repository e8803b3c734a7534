//! How long what a session waits for may take.

use std::time::{Duration, Instant};

/// When the time for something is over, and how long that time was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    patience: Duration,
    end: Instant,
}

impl Deadline {
    /// So long from now.
    pub(super) fn after(patience: Duration) -> Deadline {
        Deadline { patience, end: Instant::now() + patience }
    }

    /// The same time once more, from now.
    pub(super) fn again(self) -> Deadline {
        Deadline::after(self.patience)
    }

    /// What is left of the time.
    ///
    /// # Errors
    /// Nothing is: it was waited in vain, as the message begins to say.
    pub(super) fn left(self) -> Result<Duration, String> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(format!("waited {:?}", self.patience)) } else { Ok(left) }
    }
}
