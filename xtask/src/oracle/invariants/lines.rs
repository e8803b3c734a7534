//! I7: without faults an update is sent at most 2E-(N-1) times: once on each link of a spanning
//! tree, and in both directions at once on every other link.

use std::collections::BTreeSet;

use crate::oracle::facts::Facts;

pub(super) fn excess_lines(facts: &Facts<'_>) -> Vec<String> {
    let broken = !facts.faults.is_empty() || facts.ends.iter().any(|ends| !ends.is_empty());
    if broken {
        return Vec::new();
    }
    let setting = &facts.history.setting;
    let most = (2 * setting.edges).saturating_sub(setting.nodes.len() - 1) as u64;
    // Two removals at the same time are one update that starts at two nodes, so each removal
    // counts. A report without an answer counts because it may have become an update.
    let reports = facts.acknowledged().filter(|(op, ..)| op.report().is_some());
    let answers: BTreeSet<&str> = reports.map(|(_, _, update)| update.line).collect();
    let removals = facts.ops.iter().filter(|op| op.removal().is_some()).count();
    let unanswered = facts.ops.iter().filter(|op| op.report().is_some() && op.answer.is_none()).count();
    let updates = (answers.len() + removals + unanswered) as u64;
    let sent: u64 = facts.history.endings.iter().map(|ending| ending.sent).sum();
    if sent > most * updates {
        vec![format!("{sent} lines for {updates} updates: more than {most} for each")]
    } else {
        Vec::new()
    }
}
