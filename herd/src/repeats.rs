//! Log lines that strangers can cause.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{debug, warn};

/// Warnings of events that can repeat without end. The first of its kind is logged at once; those that follow are
/// counted, and one line a while says how many there were, so that nobody can make the log grow. At debug all are
/// logged.
#[derive(Debug)]
pub(crate) struct Repeats {
    every: Duration,
    kinds: Mutex<BTreeMap<Kind, Tally>>,
}

/// Something that happened to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a> {
    pub(crate) what: &'static str,
    /// The neighbour that it is about, if that is known.
    pub(crate) neighbour: Option<&'a str>,
    pub(crate) reason: &'a str,
    /// Where the other side is. Events of different peers are of the same kind.
    pub(crate) peer: &'a str,
}

/// What events have in common that are counted together.
type Kind = (&'static str, Option<String>, String);

#[derive(Debug)]
struct Tally {
    /// When it was last logged.
    logged: Duration,
    /// Events since.
    more: u64,
    /// Where the latest of them came from.
    peer: String,
}

/// Kinds told apart at once. Reasons can hold what a stranger has sent; those beyond are counted together.
const KINDS: usize = 32;

impl Repeats {
    /// One line of a kind in `every`; each event, if that is zero.
    pub(crate) fn new(every: Duration) -> Repeats {
        Repeats { every, kinds: Mutex::default() }
    }

    /// Warns of an event.
    pub(crate) fn warn(&self, now: Duration, event: Event<'_>) {
        let Event { what, neighbour, reason, peer } = event;
        if self.every.is_zero() {
            return warn!(neighbour, peer, reason, "{what}");
        }
        let mut kinds = self.lock();
        let mut kind = (what, neighbour.map(str::to_owned), reason.to_owned());
        if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            kind = (what, None, "various reasons".to_owned());
        }
        if let Some(tally) = kinds.get_mut(&kind) {
            tally.more += 1;
            peer.clone_into(&mut tally.peer);
            return debug!(neighbour, peer, reason, "{what}");
        }
        warn!(neighbour, peer, reason, "{what}");
        kinds.insert(kind, Tally { logged: now, more: 0, peer: String::new() });
    }

    /// Logs what has been counted for long enough. To be called about once a second.
    pub(crate) fn flush(&self, now: Duration) {
        self.lock().retain(|(what, neighbour, reason), tally| {
            if now < tally.logged + self.every {
                return true;
            }
            let times = std::mem::take(&mut tally.more);
            let peer = &tally.peer;
            if times > 0 {
                warn!(neighbour, peer, reason, times, "{what}, again");
            }
            tally.logged = now;
            times > 0
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Tally>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn warn(repeats: &Repeats, now: Duration, reason: &str, peer: &str) {
        repeats.warn(now, Event { what: "link refused", neighbour: None, reason, peer });
    }

    /// Of each kind: how many events have not been logged, and where the latest came from.
    fn counted(repeats: &Repeats) -> Vec<(u64, String)> {
        repeats.lock().values().map(|tally| (tally.more, tally.peer.clone())).collect()
    }

    #[test]
    fn repeated_events_are_counted_and_forgotten_when_they_stop() {
        let repeats = Repeats::new(EVERY);
        for peer in ["a", "b", "c"] {
            warn(&repeats, EVERY, "silent", peer);
        }
        assert_eq!(counted(&repeats), [(2, "c".to_owned())]);
        repeats.flush(2 * EVERY - Duration::from_nanos(1));
        assert_eq!(counted(&repeats), [(2, "c".to_owned())], "not yet");
        repeats.flush(2 * EVERY);
        assert_eq!(counted(&repeats), [(0, "c".to_owned())]);
        repeats.flush(3 * EVERY - Duration::from_nanos(1));
        assert_eq!(counted(&repeats).len(), 1, "another one would not be logged");
        repeats.flush(3 * EVERY);
        assert_eq!(counted(&repeats), []);
    }

    #[test]
    fn kinds_beyond_the_bound_are_counted_together() {
        let repeats = Repeats::new(EVERY);
        for reason in 0..3 * KINDS {
            warn(&repeats, EVERY, &reason.to_string(), "a");
        }
        assert_eq!(counted(&repeats).len(), KINDS + 1);
        // Those that were there before still have a count of their own.
        warn(&repeats, EVERY, "0", "b");
        assert_eq!(counted(&repeats).iter().filter(|tally| **tally == (1, "b".to_owned())).count(), 1);
    }

    #[test]
    fn nothing_is_counted_where_each_event_is_logged() {
        let repeats = Repeats::new(Duration::ZERO);
        warn(&repeats, EVERY, "silent", "a");
        assert_eq!(counted(&repeats), []);
    }
}
