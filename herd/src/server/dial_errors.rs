//! The errors of dials, for operators.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::node::NeighbourId;

/// The error of the last dial of each neighbour, if it failed.
#[derive(Debug, Default)]
pub(super) struct DialErrors(Mutex<BTreeMap<NeighbourId, String>>);

impl DialErrors {
    /// Records the result of a dial: `None` if it led to a link.
    pub(super) fn note_dial(&self, neighbour: NeighbourId, reason: Option<String>) {
        let mut reasons = self.lock();
        match reason {
            Some(reason) => reasons.insert(neighbour, reason),
            None => reasons.remove(&neighbour),
        };
    }

    /// The error of the last dial of a neighbour, if it failed.
    pub(super) fn of(&self, neighbour: NeighbourId) -> Option<String> {
        self.lock().get(&neighbour).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NeighbourId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
