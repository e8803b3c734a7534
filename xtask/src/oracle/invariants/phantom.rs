//! I4: every record in an answer and every record in the end comes from a report that a client sent
//! to the node that the record names, and has the skew of that node's answer. No record shows more
//! removals of its client than operators asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::facts::{Facts, Op};
use crate::oracle::update::{Report, Update};

pub(super) fn phantom_records(facts: &Facts<'_>) -> Vec<String> {
    let requests = Requests::of(facts);
    let mut found = BTreeSet::new();
    for op in &facts.ops {
        let node = facts.name(op.node);
        if let Some((_, answer)) = op.answer
            && !is_answer_to(op, node, answer)
        {
            found.insert(format!("{} at {node} was answered {answer}", op.line));
        }
        if let Some((_, update)) = op.record()
            && !requests.explain(&update)
        {
            found.insert(format!("{node} answered with a record that no client sent: {}", update.line));
        }
    }
    for (node, ending) in facts.history.endings.iter().enumerate() {
        for line in &ending.lines {
            if !Update::parse(line).is_some_and(|update| requests.explain(&update)) {
                found.insert(format!("{} knows a record that no client sent: {line}", facts.name(node)));
            }
        }
    }
    found.into_iter().collect()
}

/// Returns whether `answer` is a possible answer to the operation.
fn is_answer_to(op: &Op<'_>, node: &str, answer: &str) -> bool {
    let update = Update::parse(answer);
    if let Some(client) = op.removal() {
        // The answer is not an update if the node did not know the client.
        return update.is_none_or(|update| {
            update.report.is_none() && (update.client, update.removals) == (client, op.removals + 1)
        });
    }
    // An answer to a client has only AT lines.
    let report = update.filter(|update| update.removals == 0).and_then(|update| update.report);
    match op.report() {
        Some(sent) => report.is_some_and(|report| (report.server, report.fields) == (node, sent)),
        None => update.is_none() || report.is_some(),
    }
}

/// The reports that clients sent, and the removals that operators asked for.
struct Requests<'a> {
    /// The answers to reports.
    answers: BTreeSet<&'a str>,
    /// Every report that was sent to a node, and whether it was sent once without an answer.
    reports: BTreeMap<(&'a str, &'a str), bool>,
    /// The number of requests to remove each client.
    removals: BTreeMap<&'a str, u32>,
}

impl<'a> Requests<'a> {
    fn of(facts: &Facts<'a>) -> Requests<'a> {
        let mut requests =
            Requests { answers: BTreeSet::new(), reports: BTreeMap::new(), removals: BTreeMap::new() };
        for op in &facts.ops {
            if let Some(sent) = op.report() {
                requests.answers.extend(op.answer.map(|(_, answer)| answer));
                *requests.reports.entry((facts.name(op.node), sent)).or_default() |= op.answer.is_none();
            }
            if let Some(client) = op.removal() {
                *requests.removals.entry(client).or_default() += 1;
            }
        }
        requests
    }

    /// Returns whether the requests can have led to this update.
    fn explain(&self, update: &Update<'_>) -> bool {
        update.removals <= self.removals.get(update.client).copied().unwrap_or_default()
            && update.report.is_none_or(|report| self.explain_report(&report))
    }

    /// A report without an answer may have got any skew.
    fn explain_report(&self, report: &Report<'_>) -> bool {
        let sent = self.reports.get(&(report.server, report.fields)).copied();
        sent.is_some_and(|unanswered| unanswered || self.answers.contains(report.at))
    }
}
