//! I6: the flood ends: a herd that has had its time to settle sends no more updates.

use crate::oracle::facts::Facts;

pub(super) fn endless_floods(facts: &Facts<'_>) -> Vec<String> {
    let endings = facts.history.endings.iter().enumerate();
    let restless = endings.filter(|(_, ending)| ending.sent_at_rest > 0);
    restless
        .map(|(node, ending)| {
            format!("{} sent {} updates after the herd had settled", facts.name(node), ending.sent_at_rest)
        })
        .collect()
}
