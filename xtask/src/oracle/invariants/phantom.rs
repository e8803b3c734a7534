//! I4: every record that anybody was told, and every record in the end, is one that a client sent, at the node that it
//! names, with the skew that was answered; and no client was removed more often than somebody asked for that.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::facts::{Facts, Op};
use crate::oracle::update::{Report, Update};

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let real = Real::of(facts);
    let mut found = BTreeSet::new();
    for op in &facts.ops {
        let node = facts.name(op.node);
        if let Some((_, answer)) = op.answer
            && !is_answer_to(op, node, answer)
        {
            found.insert(format!("{} at {node} was answered {answer}", op.line));
        }
        if let Some((_, update)) = op.told()
            && !real.holds(&update)
        {
            found.insert(format!("{node} told what nobody sent: {}", update.line));
        }
    }
    for (node, ending) in facts.history.endings.iter().enumerate() {
        for line in &ending.lines {
            if !Update::parse(line).is_some_and(|update| real.holds(&update)) {
                found.insert(format!("{} knows what nobody sent: {line}", facts.name(node)));
            }
        }
    }
    found.into_iter().collect()
}

/// Whether an operation can have that answer, for what it asked.
fn is_answer_to(op: &Op<'_>, node: &str, answer: &str) -> bool {
    let update = Update::parse(answer);
    if let Some(client) = op.removal() {
        // Or the node did not know it.
        return update.is_none_or(|update| {
            update.report.is_none() && (update.client, update.removals) == (client, op.removals + 1)
        });
    }
    // Clients see AT lines only.
    let report = update.filter(|update| update.removals == 0).and_then(|update| update.report);
    match op.report() {
        Some(said) => report.is_some_and(|report| (report.server, report.said) == (node, said)),
        None => update.is_none() || report.is_some(),
    }
}

/// What clients and operators have asked for.
struct Real<'a> {
    /// What was answered, and what may have been: by node and report, whether there was one without an answer.
    answered: BTreeSet<&'a str>,
    unanswered: BTreeMap<(&'a str, &'a str), bool>,
    /// By client: how often somebody asked for its removal.
    removals: BTreeMap<&'a str, u32>,
}

impl<'a> Real<'a> {
    fn of(facts: &Facts<'a>) -> Real<'a> {
        let mut real =
            Real { answered: BTreeSet::new(), unanswered: BTreeMap::new(), removals: BTreeMap::new() };
        for op in &facts.ops {
            if let Some(said) = op.report() {
                real.answered.extend(op.answer.map(|(_, answer)| answer));
                *real.unanswered.entry((facts.name(op.node), said)).or_default() |= op.answer.is_none();
            }
            if let Some(client) = op.removal() {
                *real.removals.entry(client).or_default() += 1;
            }
        }
        real
    }

    fn holds(&self, update: &Update<'_>) -> bool {
        update.removals <= self.removals.get(update.client).copied().unwrap_or_default()
            && update.report.is_none_or(|report| self.holds_report(&report))
    }

    fn holds_report(&self, report: &Report<'_>) -> bool {
        let may_be = self.unanswered.get(&(report.server, report.said)).copied();
        may_be.is_some_and(|unanswered| unanswered || self.answered.contains(report.at))
    }
}
