//! I11: nothing panics.

use crate::oracle::facts::Facts;
use crate::oracle::history::What;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let panic = |what: &What| match what {
        What::Panic { node, message } => Some(format!("{} panicked: {message}", facts.name(*node))),
        _ => None,
    };
    facts.history.events.iter().filter_map(|event| panic(&event.what)).collect()
}
