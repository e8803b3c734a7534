//! How many new client ids are taken in a second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::seats::Origin;

/// New ids within the current second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NewIds {
    second: u64,
    taken: u32,
}

impl NewIds {
    /// How many more may be taken in the second of `now`, of `most` in all; no end of them without a bound.
    pub(super) fn left(&mut self, now: Duration, most: Option<u32>) -> u32 {
        let Some(most) = most else { return u32::MAX };
        if self.second != now.as_secs() {
            *self = NewIds { second: now.as_secs(), taken: 0 };
        }
        most.saturating_sub(self.taken)
    }

    /// Notes that some have been taken.
    pub(super) fn took(&mut self, ids: u32) {
        self.taken = self.taken.saturating_add(ids);
    }
}

/// The same for each address.
#[derive(Debug, Default)]
pub(super) struct NewIdsByAddress(Mutex<HashMap<Origin, NewIds>>);

impl NewIdsByAddress {
    /// How many more may be taken from an address; see [`NewIds::left`].
    pub(super) fn left(&self, origin: Origin, now: Duration, most: Option<u32>) -> u32 {
        if most.is_none() { u32::MAX } else { self.lock().entry(origin).or_default().left(now, most) }
    }

    /// Notes that some have been taken. Only those of a second that was asked about count.
    pub(super) fn took(&self, origin: Origin, ids: u32) {
        if let Some(known) = self.lock().get_mut(&origin) {
            known.took(ids);
        }
    }

    /// Forgets addresses that took none in this second.
    pub(super) fn forget_before(&self, now: Duration) {
        self.lock().retain(|_, ids| ids.second >= now.as_secs());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, NewIds>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_bound_in_each_second() {
        let [one, other] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|address| Origin::of(address.into()));
        let ids = NewIdsByAddress::default();
        let now = Duration::from_millis(5_200);
        assert_eq!(ids.left(one, now, Some(3)), 3);
        ids.took(one, 2);
        assert_eq!((ids.left(one, now, Some(3)), ids.left(other, now, Some(3))), (1, 3));
        assert_eq!(ids.left(one, now, None), u32::MAX);
        // In the same second nothing is forgotten.
        ids.forget_before(Duration::from_millis(5_900));
        assert_eq!(ids.lock().len(), 2);
        assert_eq!(ids.left(one, now, Some(3)), 1);
        assert_eq!(ids.left(one, Duration::from_secs(6), Some(3)), 3);
        ids.forget_before(Duration::from_secs(6));
        assert_eq!(ids.lock().len(), 1);
    }
}
