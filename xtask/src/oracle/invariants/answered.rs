//! I8: clients of running nodes are answered, whatever happens to other nodes and to links.

use crate::oracle::facts::Facts;

pub(super) fn unanswered_operations(facts: &Facts<'_>) -> Vec<String> {
    let patience = facts.history.setting.patience;
    let mut found = Vec::new();
    for op in &facts.ops {
        let deadline = op.invoked.saturating_add(patience);
        let in_time = op.answer.is_some_and(|(at, _)| at <= deadline);
        let was_away =
            facts.away[op.node].iter().any(|(from, until)| *from <= deadline && *until >= op.invoked);
        if !in_time && !was_away {
            let answer = op.answer.map_or("not answered", |(_, answer)| answer);
            found.push(format!("{} at {}, {} us: {answer}", op.line, facts.name(op.node), op.invoked));
        }
    }
    found
}
