//! I7: without faults an update is sent at most 2E-(N-1) times: once on each link of a spanning
//! tree, and in both directions at once on every other link. Once each origin has its tree, at most
//! 1.1 times N-1 lines are sent for each update. A backbone brings an update to further nodes, each
//! of which is the root of a tree, so the first bound is higher then and the second one is not
//! checked.

use std::collections::BTreeSet;

use crate::oracle::facts::{Facts, Op};
use crate::oracle::update::Update;

pub(super) fn excess_lines(facts: &Facts<'_>) -> Vec<String> {
    let broken = !facts.faults.is_empty() || facts.ends.iter().any(|ends| !ends.is_empty());
    if broken {
        return Vec::new();
    }
    let sent: u64 = facts.history.endings.iter().map(|ending| ending.sent).sum();
    let updates = updates_since(facts, 0);
    let most = flood_of(facts) * updates;
    let mut found = Vec::new();
    if sent > most {
        found.push(format!("{sent} lines for {updates} updates: more than {most}"));
    }
    found.extend(excess_calm_lines(facts));
    found
}

/// Checks the lines after the trees had time to form. An origin whose first update came later costs
/// a whole flood. A report that was outdated when it came is not flooded, and makes no tree.
fn excess_calm_lines(facts: &Facts<'_>) -> Option<String> {
    let calm = facts.history.setting.calm?;
    let sent: u64 = facts.history.endings.iter().map(|ending| ending.sent_when_calm).sum();
    // Lines of updates before the calm may still be sent after it.
    let since = calm.saturating_sub(TRANSIT);
    let had_tree = |node: usize| {
        facts.acknowledged().any(|(op, at, update)| {
            op.node == node && op.invoked < since && op.report().is_some() && was_news(facts, at, &update)
        })
    };
    let reported = |op: &Op<'_>| op.invoked >= since && op.report().is_some();
    let origins: BTreeSet<usize> = facts.ops.iter().filter(|op| reported(op)).map(|op| op.node).collect();
    let new_origins = origins.into_iter().filter(|node| !had_tree(*node)).count() as u64;
    let updates = updates_since(facts, since);
    // Where two trees meet, an update goes both ways: a node that has it from the backbone asks no
    // neighbour to leave it out.
    let setting = &facts.history.setting;
    let tree = if setting.entries > 0 { flood_of(facts) } else { setting.nodes.len() as u64 - 1 };
    let most = (11 * tree * updates).div_ceil(10) + new_origins * flood_of(facts);
    (sent > most).then(|| format!("{sent} lines for {updates} updates on trees: more than {most}"))
}

/// The longest time for which an update is on its way, in microseconds.
const TRANSIT: u64 = 1_000_000;

/// Returns whether an update that was acknowledged at the time `at` was news for any node then.
fn was_news(facts: &Facts<'_>, at: u64, update: &Update<'_>) -> bool {
    !facts.acknowledged().any(|(other, _, theirs)| {
        let is_older = other.invoked < at && theirs.line != update.line;
        is_older && theirs.client == update.client && update.is_superseded_by(&theirs)
    })
}

/// The most lines that the flood of one update takes.
fn flood_of(facts: &Facts<'_>) -> u64 {
    let setting = &facts.history.setting;
    (2 * setting.edges + setting.entries).saturating_sub(setting.nodes.len() - 1) as u64
}

/// The most updates that operations since a time can have caused.
fn updates_since(facts: &Facts<'_>, since: u64) -> u64 {
    let ops = || facts.ops.iter().filter(|op| op.invoked >= since);
    // Two removals at the same time are one update that starts at two nodes, so each removal
    // counts. A report without an answer counts because it may have become an update.
    let reports = facts.acknowledged().filter(|(op, ..)| op.invoked >= since && op.report().is_some());
    let answers: BTreeSet<&str> = reports.map(|(_, _, update)| update.line).collect();
    let removals = ops().filter(|op| op.removal().is_some()).count();
    let unanswered = ops().filter(|op| op.report().is_some() && op.answer.is_none()).count();
    (answers.len() + removals + unanswered) as u64
}
