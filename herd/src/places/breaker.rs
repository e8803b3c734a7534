//! The circuit breaker of a service.

use std::time::Duration;

/// The states of a circuit breaker.
pub(super) const STATES: [&str; 3] = ["closed", "half-open", "open"];

/// A circuit breaker. It opens after `most` consecutive failures, and rejects all requests for
/// `pause`. Then it lets one trial request through, whose result closes or reopens it. Times are
/// durations since any fixed moment.
#[derive(Debug)]
pub(super) struct Breaker {
    most: u32,
    pause: Duration,
    failures: u32,
    /// The time of the next trial request, while the breaker is open.
    opens_until: Option<Duration>,
}

impl Breaker {
    pub(super) fn new(most: u32, pause: Duration) -> Breaker {
        Breaker { most, pause, failures: 0, opens_until: None }
    }

    /// Whether a request may be sent now. While a trial is in progress, no other request may be
    /// sent.
    pub(super) fn admits(&mut self, now: Duration) -> bool {
        match self.opens_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.opens_until = Some(now + self.pause);
                true
            }
        }
    }

    /// Records the result of a request.
    pub(super) fn note(&mut self, failed: bool, now: Duration) {
        if !failed {
            self.failures = 0;
            self.opens_until = None;
            return;
        }
        self.failures += 1;
        if self.failures >= self.most {
            self.opens_until = Some(now + self.pause);
        }
    }

    /// `closed` if all requests may be sent, `open` if none may be sent, `half-open` if the next
    /// request is a trial.
    pub(super) fn state(&self, now: Duration) -> &'static str {
        match self.opens_until {
            None => "closed",
            Some(until) if now < until => "open",
            Some(_) => "half-open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_through_after_the_pause() {
        let mut breaker = Breaker::new(3, seconds(5));
        for failed in [true, true, false, true, true] {
            breaker.note(failed, seconds(0));
            assert!(breaker.admits(seconds(0)));
        }
        breaker.note(true, seconds(1));
        assert_eq!((breaker.admits(seconds(5)), breaker.state(seconds(5))), (false, "open"));
        assert_eq!(breaker.state(seconds(6)), "half-open");
        assert!(breaker.admits(seconds(6)));
        assert!(!breaker.admits(seconds(6)), "only one is on trial");
        breaker.note(true, seconds(7));
        assert!(!breaker.admits(seconds(11)));
        assert!(breaker.admits(seconds(12)));
        breaker.note(false, seconds(12));
        assert_eq!((breaker.admits(seconds(12)), breaker.state(seconds(12))), (true, "closed"));
    }
}
