//! Nodes are restarted in turn, and the others serve on.

use anyhow::Result;

use super::{Bench, Bound, Finding, promises};
use crate::chaos::{Chaos, FaultName, Length};
use crate::oracle::{EventKind, History};

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let chaos = Chaos { faults: vec![FaultName::Rolling], ..bench.chaos("rolling", Length::Rounds(20))? };
    let outcome = chaos.break_herd(bench.progress)?;
    let mut findings = promises("20 times all nodes restarted in turn", &outcome);
    findings.push(Finding::new(
        "commands not answered at other nodes",
        failed_elsewhere(&outcome.history) as f64,
        "",
        Bound::AtMost(0.0),
    ));
    Ok(findings)
}

/// How many lines of clients were never answered by nodes that nobody was restarting.
fn failed_elsewhere(history: &History) -> usize {
    let (mut asked, mut restarting, mut failed) = (std::collections::BTreeMap::new(), Vec::new(), 0);
    for event in &history.events {
        match &event.kind {
            EventKind::Invoke { op, node, .. } => {
                asked.insert(*op, *node);
            }
            EventKind::FaultBegins { nodes, .. } => restarting.clone_from(nodes),
            // A client may find out a little later, but not before the next node is restarted.
            EventKind::Info { op } => {
                let node = asked.get(op);
                failed += usize::from(node.is_none_or(|node| !restarting.contains(node)));
            }
            _ => {}
        }
    }
    failed
}
