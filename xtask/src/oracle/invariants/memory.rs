//! I10: memory is bounded: no node took more than it may.

use crate::oracle::facts::Facts;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let most = facts.history.setting.memory;
    let endings = facts.history.endings.iter().enumerate();
    let greedy = endings.filter(|(_, ending)| ending.memory > most);
    greedy
        .map(|(node, ending)| format!("{} took {}, and may take {most}", facts.name(node), ending.memory))
        .collect()
}
