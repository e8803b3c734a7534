//! I13: a node does not ask for updates again and again. Each time makes a neighbour its parent, so
//! once is enough for each origin and each fault.

use std::collections::BTreeMap;

use crate::oracle::facts::Facts;
use crate::oracle::history::{EventKind, Source};

/// The time after a fault in which updates may have to be asked for, in microseconds: the silence
/// after which a link ends, the longest wait before it is dialled again, and a second for the tree.
const AFTERMATH: u64 = 4_500_000;

pub(super) fn needless_repairs(facts: &Facts<'_>) -> Vec<String> {
    if facts.history.setting.source != Source::Simulation {
        return Vec::new();
    }
    let ends: Vec<u64> = facts.ends.iter().flatten().map(|(at, _)| *at).collect();
    let faults = facts.faults.iter().map(|fault| (fault.from, fault.until));
    let spans = faults.chain(facts.away.iter().flatten().copied()).chain(ends.iter().map(|end| (*end, *end)));
    let spans: Vec<(u64, u64)> = spans.collect();
    let is_calm =
        |at: u64| !spans.iter().any(|(from, until)| (*from..=until.saturating_add(AFTERMATH)).contains(&at));
    let most_when_calm = facts.history.setting.nodes.len();
    let most = most_when_calm * (1 + facts.faults.len() + ends.len());
    let mut repairs: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for event in &facts.history.events {
        if let EventKind::Repaired { node, .. } = event.kind {
            let (all, calm) = repairs.entry(node).or_default();
            *all += 1;
            *calm += usize::from(is_calm(event.at));
        }
    }
    let too_many = repairs.into_iter().filter(|(_, (all, calm))| *calm > most_when_calm || *all > most);
    too_many
        .map(|(node, (all, calm))| {
            let node = facts.name(node);
            format!("{node} asked for updates {all} times, {calm} of them without a fault")
        })
        .collect()
}
