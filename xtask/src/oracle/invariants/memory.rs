//! I10: memory is bounded: no node used more than the setting allows.

use crate::oracle::facts::Facts;

pub(super) fn excess_memory(facts: &Facts<'_>) -> Vec<String> {
    let most = facts.history.setting.memory;
    let endings = facts.history.endings.iter().enumerate();
    let greedy = endings.filter(|(_, ending)| ending.memory > most);
    greedy
        .map(|(node, ending)| format!("{} used {}, more than {most}", facts.name(node), ending.memory))
        .collect()
}
