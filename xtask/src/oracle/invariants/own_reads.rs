//! I5: a client that asks the node that acknowledged its update gets that update or a later one. If
//! the update was a removal, the node answers that it does not know the client.

use std::collections::BTreeMap;

use super::backwards::client_of;
use crate::oracle::facts::Facts;
use crate::oracle::update::Update;

/// The time at which an update was sent, the time of its acknowledgement, and the update.
type Acknowledged<'a> = (u64, u64, Update<'a>);

pub(super) fn missed_own_updates(facts: &Facts<'_>) -> Vec<String> {
    let mut acknowledged: BTreeMap<(usize, &str), Vec<Acknowledged<'_>>> = BTreeMap::new();
    for (op, at, update) in facts.acknowledged() {
        acknowledged.entry((op.node, update.client)).or_default().push((op.invoked, at, update));
    }
    let mut found = Vec::new();
    for op in &facts.ops {
        let Some((answered, _)) = op.answer else { continue };
        let Some(acknowledged) = client_of(op).and_then(|client| acknowledged.get(&(op.node, client))) else {
            continue;
        };
        let Some(record) = facts.told(op) else { continue };
        for (sent, _, update) in acknowledged.iter().filter(|(_, at, _)| *at < op.invoked) {
            let Some(left) = facts.left_of(*update, answered) else { continue };
            let is_read = record.is_some_and(|(_, record)| left.is_superseded_by(&record));
            // The node may have ended between the update and its acknowledgement.
            if !is_read && !facts.may_have_forgotten(op.node, *sent, op.invoked) {
                found.push(format!(
                    "{} acknowledged {} and answered with {}",
                    facts.name(op.node),
                    update.line,
                    record.map_or("nothing", |(_, record)| record.line)
                ));
            }
        }
    }
    found
}
