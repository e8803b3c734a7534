//! I6: the flood ends: a herd that has had its time to settle says nothing more about old updates.

use crate::oracle::facts::Facts;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let endings = facts.history.endings.iter().enumerate();
    let restless = endings.filter(|(_, ending)| ending.said_at_rest > 0);
    restless
        .map(|(node, ending)| {
            format!("{} said {} updates though nothing was new", facts.name(node), ending.said_at_rest)
        })
        .collect()
}
