//! The limit of new client ids per second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::seats::Origin;

/// The number of new ids in the current second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NewIds {
    second: u64,
    taken: u32,
}

impl NewIds {
    /// The number of new ids left in the second of `now`, out of `most`; unlimited if `most` is
    /// `None`.
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

/// The number of new ids in the current second, by address.
#[derive(Debug, Default)]
pub(super) struct NewIdsByAddress(Mutex<HashMap<Origin, NewIds>>);

impl NewIdsByAddress {
    /// The number of new ids left to an address; see [`NewIds::left`].
    pub(super) fn left(&self, origin: Origin, now: Duration, most: Option<u32>) -> u32 {
        if most.is_none() { u32::MAX } else { self.lock().entry(origin).or_default().left(now, most) }
    }

    /// Adds new ids to those of the second that [`left`](Self::left) was last called for.
    pub(super) fn took(&self, origin: Origin, ids: u32) {
        if let Some(known) = self.lock().get_mut(&origin) {
            known.took(ids);
        }
    }

    /// Removes addresses without new ids in this second.
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
        // Within the same second, no address is removed.
        ids.forget_before(Duration::from_millis(5_900));
        assert_eq!(ids.lock().len(), 2);
        assert_eq!(ids.left(one, now, Some(3)), 1);
        assert_eq!(ids.left(one, Duration::from_secs(6), Some(3)), 3);
        ids.forget_before(Duration::from_secs(6));
        assert_eq!(ids.lock().len(), 1);
    }
}
