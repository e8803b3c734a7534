//! I2: all nodes end up with the same records, byte for byte, and no link found a divergence.

use crate::oracle::facts::Facts;
use crate::oracle::history::EventKind;

pub(super) fn different_nodes(facts: &Facts<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let endings = &facts.history.endings;
    for (node, pair) in endings.windows(2).enumerate() {
        if pair[0].lines != pair[1].lines {
            let difference = pair[0].lines.iter().find(|line| !pair[1].lines.contains(line));
            let difference =
                difference.or_else(|| pair[1].lines.iter().find(|line| !pair[0].lines.contains(line)));
            found.push(format!(
                "{} and {} differ in the end: only one knows {}",
                facts.name(node),
                facts.name(node + 1),
                difference.map_or("the same twice", String::as_str)
            ));
        }
    }
    for event in &facts.history.events {
        if let EventKind::LinkDown { node, neighbour, reason } = &event.kind
            && reason == "diverged"
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
