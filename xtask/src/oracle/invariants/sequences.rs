//! I12: a sequence is used once in an epoch. Otherwise a neighbour whose cursor has passed the
//! sequence would never get the second update. Of a report that is forgotten, the removal that it
//! came after stays under its sequence: a neighbour that has heard the report forgets it, too.

use crate::oracle::facts::Facts;
use crate::oracle::history::EventKind;
use crate::oracle::update::Update;

pub(super) fn reused_sequences(facts: &Facts<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for event in &facts.history.events {
        let EventKind::SequenceReused { node, sequence, was, is } = &event.kind else { continue };
        let is_left = Update::parse(was).zip(Update::parse(is)).is_some_and(|(was, is)| {
            let left = Update { report: None, line: is.line, ..was };
            facts.is_forgotten(&was, event.at) && left == is
        });
        if !is_left {
            found.push(format!("sequence {sequence} of {} was {was} and is {is}", facts.name(*node)));
        }
    }
    found
}
