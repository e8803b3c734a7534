//! I12: a sequence is used once in an epoch. Otherwise a neighbour whose cursor has passed the
//! sequence would never get the second update.

use crate::oracle::facts::Facts;
use crate::oracle::history::EventKind;

pub(super) fn reused_sequences(facts: &Facts<'_>) -> Vec<String> {
    let reused = |kind: &EventKind| match kind {
        EventKind::SequenceReused { node, sequence, was, is } => {
            Some(format!("sequence {sequence} of {} was {was} and is {is}", facts.name(*node)))
        }
        _ => None,
    };
    facts.history.events.iter().filter_map(|event| reused(&event.kind)).collect()
}
