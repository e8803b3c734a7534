//! I11: nothing panics.

use crate::oracle::facts::Facts;
use crate::oracle::history::EventKind;

pub(super) fn panics(facts: &Facts<'_>) -> Vec<String> {
    let panic = |kind: &EventKind| match kind {
        EventKind::Panic { node, message } => Some(format!("{} panicked: {message}", facts.name(*node))),
        _ => None,
    };
    facts.history.events.iter().filter_map(|event| panic(&event.kind)).collect()
}
