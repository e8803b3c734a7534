//! Restarts nodes in turn, twenty times. The other nodes must answer all clients.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Bound, Finding, ResilienceBench, invariant_findings};
use crate::chaos::{Chaos, FaultName, Length};
use crate::oracle::{EventKind, History};

pub(super) fn check_rolling(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let chaos = Chaos { faults: vec![FaultName::Rolling], ..bench.chaos("rolling", Length::Rounds(20))? };
    let outcome = chaos.break_herd(bench.progress)?;
    let mut findings = invariant_findings("20 times all nodes restarted in turn", &outcome);
    findings.push(Finding::new(
        "lines not answered by other nodes",
        failed_elsewhere(&outcome.history) as f64,
        "",
        Bound::AtMost(0.0),
    ));
    Ok(findings)
}

/// The number of lines that were not answered by nodes that were not being restarted.
fn failed_elsewhere(history: &History) -> usize {
    let mut asked = BTreeMap::new();
    let mut restarting = Vec::new();
    let mut failed = 0;
    for event in &history.events {
        match &event.kind {
            EventKind::Invoke { op, node, .. } => {
                asked.insert(*op, *node);
            }
            EventKind::FaultBegins { nodes, .. } => restarting.clone_from(nodes),
            // A client may notice the restart a little later, but before the next node is
            // restarted.
            EventKind::Info { op } => {
                let node = asked.get(op);
                failed += usize::from(node.is_none_or(|node| !restarting.contains(node)));
            }
            _ => {}
        }
    }
    failed
}
