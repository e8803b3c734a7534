//! Why neighbours could not be dialled, for operators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::node::NeighbourId;

/// The reason for which the last dial of each neighbour failed.
#[derive(Debug, Default)]
pub(super) struct DialErrors(Mutex<BTreeMap<NeighbourId, String>>);

impl DialErrors {
    /// Notes how a dial went: `None` if it led to a link.
    pub(super) fn note_dial(&self, neighbour: NeighbourId, reason: Option<String>) {
        let mut reasons = self.lock();
        match reason {
            Some(reason) => reasons.insert(neighbour, reason),
            None => reasons.remove(&neighbour),
        };
    }

    /// Why the last dial of a neighbour failed, if it did.
    pub(super) fn of(&self, neighbour: NeighbourId) -> Option<String> {
        self.lock().get(&neighbour).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NeighbourId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
