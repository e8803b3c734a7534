//! I2: all nodes end up with the same records, byte for byte, and no link found a divergence.

use crate::oracle::facts::Facts;
use crate::oracle::history::{Ending, EventKind};
use crate::oracle::update::Update;

pub(super) fn different_nodes<'a>(facts: &Facts<'a>) -> Vec<String> {
    let mut found = Vec::new();
    let endings = &facts.history.endings;
    for (node, pair) in endings.windows(2).enumerate() {
        let lines = |ending: &'a Ending| -> Vec<&'a String> {
            ending.lines.iter().filter(|line| !may_differ(facts, line)).collect()
        };
        let (one, other) = (lines(&pair[0]), lines(&pair[1]));
        if one != other {
            let difference = one.iter().find(|line| !other.contains(line));
            let difference = difference.or_else(|| other.iter().find(|line| !one.contains(line)));
            found.push(format!(
                "{} and {} differ in the end: only one knows {}",
                facts.name(node),
                facts.name(node + 1),
                difference.map_or("the same twice", |line| line)
            ));
        }
    }
    let may_diverge = facts.has_losers();
    for event in &facts.history.events {
        if let EventKind::LinkDown { node, neighbour, reason } = &event.kind
            && reason == "diverged"
            && !may_diverge
        {
            found.push(format!(
                "{} and {} had received all updates of each other and diverged at {} us",
                facts.name(*node),
                facts.name(*neighbour),
                event.at
            ));
        }
    }
    found
}

fn may_differ(facts: &Facts<'_>, line: &str) -> bool {
    Update::parse(line).is_some_and(|update| facts.has_lost_to_forgotten(&update))
}
