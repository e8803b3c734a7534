//! I9: no link is dropped without a fault. This is checked in simulations only, because a real
//! machine may stall for seconds.

use crate::oracle::facts::Facts;
use crate::oracle::history::{EventKind, Source};

/// The time after a fault in which a link may still end because of it, in microseconds: the
/// silence after which a link ends, and the time for the last line of a link to arrive.
const AFTERMATH: u64 = 3_500_000;

pub(super) fn dropped_links(facts: &Facts<'_>) -> Vec<String> {
    if facts.history.setting.source != Source::Simulation {
        return Vec::new();
    }
    let mut found = Vec::new();
    for event in &facts.history.events {
        let EventKind::LinkDown { node, neighbour, reason } = &event.kind else { continue };
        if reason == "diverged" && facts.has_losers() {
            continue;
        }
        let concerns = |at: usize| at == *node || at == *neighbour;
        let of_fault = facts.faults.iter().any(|fault| {
            // A fault of two nodes concerns the link between them; any other, all links of its
            // nodes.
            let is_near = match fault.nodes {
                [one, other] => concerns(*one) && concerns(*other),
                nodes => nodes.iter().any(|at| concerns(*at)),
            };
            is_near && (fault.from..=fault.until.saturating_add(AFTERMATH)).contains(&event.at)
        });
        let of_end = facts.away.iter().enumerate().any(|(at, away)| {
            let covers =
                |(from, until): &(u64, u64)| (*from..=until.saturating_add(AFTERMATH)).contains(&event.at);
            concerns(at) && away.iter().any(covers)
        });
        if !of_fault && !of_end {
            let (node, neighbour) = (facts.name(*node), facts.name(*neighbour));
            found.push(format!("{node} dropped its link with {neighbour} at {} us: {reason}", event.at));
        }
    }
    found
}
