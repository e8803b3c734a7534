//! I4: every record that anybody was told, and every record in the end, is one that a client sent, at the node that it
//! names, with the skew that was answered.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::update::Update;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    // What was answered, and what may have been: by node and report, whether there was one without an answer.
    let mut answered = BTreeSet::new();
    let mut unanswered: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for op in &facts.ops {
        let Some(report) = op.report() else { continue };
        answered.extend(op.answer.map(|(_, answer)| answer));
        *unanswered.entry((facts.name(op.node), report)).or_default() |= op.answer.is_none();
    }
    let is_real = |update: &Update<'_>| {
        let may_be = unanswered.get(&(update.server, update.report)).copied();
        may_be.is_some_and(|unanswered| unanswered || answered.contains(update.line))
    };
    let mut found = BTreeSet::new();
    for op in &facts.ops {
        if let Some((_, update)) = op.update()
            && !is_real(&update)
        {
            found.insert(format!("{} told what nobody sent: {}", facts.name(op.node), update.line));
        }
        if let (Some(report), Some((_, answer))) = (op.report(), op.answer) {
            let own = Update::parse(answer)
                .is_some_and(|update| (update.server, update.report) == (facts.name(op.node), report));
            if !own {
                found.insert(format!("IAMAT {report} at {} was answered {answer}", facts.name(op.node)));
            }
        }
    }
    for (node, ending) in facts.history.endings.iter().enumerate() {
        for line in &ending.lines {
            if !Update::parse(line).is_some_and(|update| is_real(&update)) {
                found.insert(format!("{} knows what nobody sent: {line}", facts.name(node)));
            }
        }
    }
    found.into_iter().collect()
}
