//! Warnings that strangers can cause, without letting them fill the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{debug, warn};

/// Rate-limited warnings. The first event of a kind is logged at once. Later ones are counted, and
/// one line per interval reports their number, so a stranger cannot make the log grow. At level
/// debug every event is logged.
#[derive(Debug)]
pub(crate) struct Repeats {
    every: Duration,
    kinds: Mutex<BTreeMap<Kind, Tally>>,
}

/// Something that happened to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a> {
    pub(crate) what: &'static str,
    /// The neighbour concerned, if known.
    pub(crate) neighbour: Option<&'a str>,
    pub(crate) reason: &'a str,
    /// The other side's address. Events of different peers are of the same kind.
    pub(crate) peer: &'a str,
}

/// The key under which events are counted together: what happened, the neighbour, and the reason.
type Kind = (&'static str, Option<String>, String);

#[derive(Debug)]
struct Tally {
    /// When an event of this kind was last logged, since the node's start.
    logged: Duration,
    /// The number of events since then.
    more: u64,
    /// The address of the latest of them.
    peer: String,
}

/// The number of kinds of one event that are counted separately. Reasons can contain what a
/// stranger sent; further kinds are counted together. Strangers on one port leave room for the
/// others.
const KINDS: usize = 32;

impl Repeats {
    /// Logs one line of each kind per `every`; every event if that is zero.
    pub(crate) fn new(every: Duration) -> Repeats {
        Repeats { every, kinds: Mutex::default() }
    }

    /// Logs or counts an event at `now`.
    pub(crate) fn warn(&self, now: Duration, event: Event<'_>) {
        let Event { what, neighbour, reason, peer } = event;
        if self.every.is_zero() {
            return warn!(neighbour, peer, reason, "{what}");
        }
        let mut kinds = self.lock();
        let mut kind = (what, neighbour.map(str::to_owned), reason.to_owned());
        let of_this = kinds.keys().filter(|(other, ..)| *other == what).count();
        if of_this >= KINDS && !kinds.contains_key(&kind) {
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

    /// Logs the counts whose interval is over. Call it about once a second.
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

    /// For each kind: the number of events not logged, and the address of the latest.
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
        assert_eq!(counted(&repeats).len(), 1, "another event would be counted");
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
        // Kinds from before the bound still have separate counts.
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
