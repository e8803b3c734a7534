//! How late updates are lately, compared with their announcements.

use std::time::Duration;

/// How long to wait for an announced update before a neighbour is asked for it, at least and at
/// most. After a longer silence, a link has ended anyway.
const SHORTEST: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_millis(2500);

/// The time in which a lateness counts half.
const HALF: Duration = Duration::from_secs(1);

/// By how much updates came later than another neighbour announced them.
///
/// A herd that has more to do than it can is late everywhere. Updates that are late must not be
/// sent twice, since that makes the herd still later. So a node waits for twice the time by which
/// the latest updates were late, as TCP does before it sends a packet again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lateness {
    longest: Duration,
    noted: Duration,
}

impl Lateness {
    /// Notes that something announced came, or had not come, this long after its announcement.
    pub(super) fn note(&mut self, late: Duration, now: Duration) {
        if late >= self.current(now) {
            *self = Lateness { longest: late, noted: now };
        }
    }

    /// Returns how long to wait for an announced update.
    pub(super) fn patience(&self, now: Duration) -> Duration {
        (2 * self.current(now)).clamp(SHORTEST, LONGEST)
    }

    fn current(&self, now: Duration) -> Duration {
        let halves = now.saturating_sub(self.noted).as_nanos() / HALF.as_nanos();
        self.longest.checked_div(1 << halves.min(16)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_waits_for_twice_the_latest_lateness_within_bounds_and_forgets_it() {
        let at = Duration::from_millis;
        let mut lateness = Lateness::default();
        assert_eq!(lateness.patience(at(0)), SHORTEST);
        lateness.note(at(300), at(1_000));
        lateness.note(at(100), at(1_100));
        assert_eq!(lateness.patience(at(1_100)), at(600));
        assert_eq!(lateness.patience(at(2_000)), at(300));
        lateness.note(at(200), at(2_000));
        assert_eq!(lateness.patience(at(2_000)), at(400));
        assert_eq!(lateness.patience(Duration::from_secs(3_600)), SHORTEST);
        lateness.note(at(60_000), at(90_000));
        assert_eq!(lateness.patience(at(90_000)), LONGEST);
    }
}
