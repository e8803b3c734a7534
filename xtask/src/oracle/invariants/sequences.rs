//! I12: a sequence is used once in an epoch: else a neighbour takes what it has not heard for something that it has.

use crate::oracle::facts::Facts;
use crate::oracle::history::What;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let reused = |what: &What| match what {
        What::SequenceReused { node, sequence, was, is } => {
            Some(format!("sequence {sequence} of {} was {was} and is {is}", facts.name(*node)))
        }
        _ => None,
    };
    facts.history.events.iter().filter_map(|event| reused(&event.what)).collect()
}
