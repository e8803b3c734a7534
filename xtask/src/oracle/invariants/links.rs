//! I9: no link is dropped without a fault. In simulations only: a real machine may be slow for seconds.

use crate::oracle::facts::Facts;
use crate::oracle::history::{Source, What};

/// For so long after a fault links may end because of it, in microseconds: the silence that ends a link, and the time
/// that its last words take.
const AFTERMATH: u64 = 3_500_000;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    if facts.history.setting.source != Source::Simulation {
        return Vec::new();
    }
    let mut found = Vec::new();
    for event in &facts.history.events {
        let What::LinkDown { node, neighbour, reason } = &event.what else { continue };
        let concerns = |at: usize| at == *node || at == *neighbour;
        let of_fault = facts.faults.iter().any(|fault| {
            // Between two nodes, or at one.
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
