//! The latest events, which any number of readers read at their own pace.

use std::collections::VecDeque;

/// An event, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Grows by one with each event.
    pub(super) id: u64,
    pub(super) kind: &'static str,
    /// JSON.
    pub(super) data: String,
}

/// The latest events. Readers keep their own cursors, so a slow reader costs nothing, and misses
/// the events that no longer fit.
#[derive(Debug)]
pub(super) struct Ring {
    most: usize,
    /// The id of the first event after the start.
    first: u64,
    /// The id of the next event.
    next: u64,
    kept: VecDeque<Entry>,
}

/// What a reader finds after its cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Event(Entry),
    /// The number of events that are gone, and the id of the last of them.
    Missed(u64, u64),
    Nothing,
}

impl Ring {
    /// A ring of at most `most` events, whose ids begin with `first`.
    pub(super) fn new(most: usize, first: u64) -> Ring {
        Ring { most, first, next: first, kept: VecDeque::new() }
    }

    /// Adds an event, and returns its id.
    pub(super) fn push(&mut self, kind: &'static str, data: String) -> u64 {
        if self.kept.len() >= self.most {
            self.kept.pop_front();
        }
        let id = self.next;
        self.kept.push_back(Entry { id, kind, data });
        self.next += 1;
        id
    }

    /// The id of the last event; that before the first if there was none.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// The cursor of a reader that has read the event `id` as its last. An id that this ring never
    /// gave is of another life of the node, of which the reader cannot know this one's events.
    pub(super) fn resume(&self, id: u64) -> u64 {
        if (self.first..self.next).contains(&id) { id } else { self.first - 1 }
    }

    /// What comes after the event `cursor`.
    pub(super) fn after(&self, cursor: u64) -> Found {
        let oldest = self.next - self.kept.len() as u64;
        if cursor + 1 < oldest {
            return Found::Missed(oldest - 1 - cursor, oldest - 1);
        }
        let place = (cursor + 1 - oldest) as usize;
        self.kept.get(place).map_or(Found::Nothing, |entry| Found::Event(entry.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(events: u64) -> Ring {
        let mut ring = Ring::new(3, 100);
        for event in 0..events {
            assert_eq!(ring.push("link", event.to_string()), 100 + event);
        }
        ring
    }

    fn event(id: u64) -> Found {
        Found::Event(Entry { id, kind: "link", data: (id - 100).to_string() })
    }

    #[test]
    fn each_event_follows_the_one_before_and_the_last_is_followed_by_nothing() {
        let ring = ring(2);
        assert_eq!([99, 100, 101].map(|cursor| ring.after(cursor)), [event(100), event(101), Found::Nothing]);
        assert_eq!(ring.last(), 101);
    }

    #[test]
    fn a_reader_that_is_too_far_behind_is_told_what_is_gone() {
        let ring = ring(5);
        assert_eq!(ring.after(99), Found::Missed(2, 101));
        assert_eq!(ring.after(100), Found::Missed(1, 101));
        assert_eq!(ring.after(101), event(102));
    }

    #[test]
    fn a_reader_resumes_after_its_last_event_and_at_the_start_if_that_is_of_another_life() {
        let ring = ring(5);
        assert_eq!([100, 104].map(|id| ring.resume(id)), [100, 104]);
        assert_eq!([0, 99, 105, u64::MAX].map(|id| ring.resume(id)), [99; 4]);
    }
}
