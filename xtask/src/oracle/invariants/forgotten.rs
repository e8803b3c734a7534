//! I14: clients that have not reported for long are forgotten by all nodes.

use crate::oracle::facts::Facts;
use crate::oracle::update::Update;

pub(super) fn remembered_clients(facts: &Facts<'_>) -> Vec<String> {
    let endings = facts.history.endings.iter().enumerate();
    let lines = endings.flat_map(|(node, ending)| ending.lines.iter().map(move |line| (node, line)));
    let is_old = |line: &str| Update::parse(line).is_some_and(|update| facts.is_forgotten(&update, u64::MAX));
    let old = lines.filter(|(_, line)| is_old(line));
    old.map(|(node, line)| format!("{} still knows {line}", facts.name(node))).collect()
}
