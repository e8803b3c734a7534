//! I3: no node goes back in time for a client: no answer is older than an earlier answer.

use std::collections::BTreeMap;

use crate::oracle::facts::{Facts, Op};
use crate::oracle::update::Update;

pub(super) fn older_answers(facts: &Facts<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut answers: BTreeMap<(usize, &str), Vec<(u64, Update<'_>)>> = BTreeMap::new();
    for op in facts.ops.iter().filter(|op| op.report().is_none()) {
        let Some(client) = client_of(op) else { continue };
        let before = answers.entry((op.node, client)).or_default();
        let Some((answered, _)) = op.answer else { continue };
        let Some(now) = facts.told(op) else { continue };
        for (at, update) in before.iter().filter(|(at, _)| *at < op.invoked) {
            let Some(left) = facts.left_of(*update, answered) else { continue };
            let went_back = now.is_none_or(|(_, now)| !left.is_superseded_by(&now));
            if went_back && !facts.may_have_forgotten(op.node, *at, answered) {
                found.push(format!(
                    "{} answered {} and later {}",
                    facts.name(op.node),
                    update.line,
                    now.map_or("nothing", |(_, now)| now.line)
                ));
            }
        }
        if let Some(now) = now {
            // Only the latest answer matters: a node that knows it knows the earlier ones as well.
            before.retain(|(at, _)| *at >= op.invoked);
            before.push(now);
        }
    }
    found
}

/// The client that a WHATSAT asks about.
pub(super) fn client_of<'a>(op: &Op<'a>) -> Option<&'a str> {
    op.line.strip_prefix("WHATSAT ")?.split(' ').next()
}
