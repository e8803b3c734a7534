//! Stops a node for five seconds, thirty times.

use anyhow::Result;

use super::{Bound, Finding, ResilienceBench, invariant_findings, slowest};
use crate::chaos::{Chaos, FaultName, Length};
use crate::oracle::{EventKind, History};

pub(super) fn check_pause(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let chaos = Chaos { faults: vec![FaultName::Pause], ..bench.chaos("pause", Length::Rounds(30))? };
    let outcome = chaos.break_herd(bench.progress)?;
    let mut findings = invariant_findings("30 times SIGSTOP for 5 s", &outcome);
    findings.extend([
        Finding::new(
            "longest time until its neighbours dropped their links",
            dropped(&outcome.history),
            "s",
            Bound::AtMost(3.0),
        ),
        Finding::new(
            "longest time from SIGCONT until all nodes agreed",
            slowest(&outcome),
            "s",
            Bound::AtMost(2.0),
        ),
        Finding::new("largest growth of memory", grown(&outcome.history), "MB", Bound::AtMost(10.0)),
    ]);
    Ok(findings)
}

/// The seconds until the last neighbour of a stopped node dropped its link; infinite if one did
/// not.
fn dropped(history: &History) -> f64 {
    let mut slowest = 0.0;
    for (index, event) in history.events.iter().enumerate() {
        let EventKind::FaultBegins { nodes, fault: number, .. } = &event.kind else { continue };
        let during = history.events[index..]
            .iter()
            .take_while(|later| !matches!(&later.kind, EventKind::FaultEnds { fault } if fault == number));
        let downs: Vec<(usize, u64)> = during
            .filter_map(|later| match &later.kind {
                EventKind::LinkDown { node, neighbour, .. } if nodes.contains(neighbour) => {
                    Some((*node, later.at))
                }
                _ => None,
            })
            .collect();
        let slow = neighbours(history, nodes[0]).into_iter().map(|neighbour| {
            let down = downs.iter().find(|(node, _)| *node == neighbour);
            down.map_or(f64::INFINITY, |(_, at)| (at - event.at) as f64 / 1e6)
        });
        slowest = slow.fold(slowest, f64::max);
    }
    slowest
}

/// The nodes that have had a link with a node.
fn neighbours(history: &History, of: usize) -> Vec<usize> {
    let mut nodes: Vec<usize> = history
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::LinkUp { node, neighbour } if neighbour == of => Some(node),
            _ => None,
        })
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// The growth of memory from the first round to the peak, in megabytes, of the node that grew most.
fn grown(history: &History) -> f64 {
    let grown = history.endings.iter().enumerate().map(|(of, ending)| {
        let first = history.events.iter().find_map(|event| match event.kind {
            EventKind::Usage { node, memory, .. } if node == of => Some(memory),
            _ => None,
        });
        ending.memory.saturating_sub(first.unwrap_or(0)) as f64 / 1e6
    });
    grown.fold(0.0, f64::max)
}
