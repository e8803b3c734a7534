//! I5: who asks at the node that acknowledged an update is told that one, or a later one: nothing, where it was a removal.

use std::collections::BTreeMap;

use super::backwards::client_of;
use crate::oracle::facts::Facts;
use crate::oracle::update::Update;

/// When a report was said and when it was acknowledged, and as what.
type Acknowledged<'a> = (u64, u64, Update<'a>);

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let mut acknowledged: BTreeMap<(usize, &str), Vec<Acknowledged<'_>>> = BTreeMap::new();
    for (op, at, update) in facts.acknowledged() {
        acknowledged.entry((op.node, update.client)).or_default().push((op.invoked, at, update));
    }
    let mut found = Vec::new();
    for op in facts.ops.iter().filter(|op| op.answer.is_some()) {
        let Some(acknowledged) = client_of(op).and_then(|client| acknowledged.get(&(op.node, client))) else {
            continue;
        };
        let told = op.told();
        for (said, _, update) in acknowledged.iter().filter(|(_, at, _)| *at < op.invoked) {
            let is_told = told.is_some_and(|(_, told)| update.is_superseded_by(&told));
            // The node may have ended while its answer was under way.
            if !is_told && !facts.forgot(op.node, *said, op.invoked) {
                found.push(format!(
                    "{} acknowledged {} and told {}",
                    facts.name(op.node),
                    update.line,
                    told.map_or("nothing", |(_, told)| told.line)
                ));
            }
        }
    }
    found
}
