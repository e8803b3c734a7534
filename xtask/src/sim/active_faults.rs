//! The faults of the network that are active.

use std::time::Duration;

use super::plan::{Fault, FaultKind};

/// The faults that have begun and have not ended.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults(Vec<FaultKind>);

impl ActiveFaults {
    pub(super) fn begin(&mut self, fault: &Fault) {
        self.0.push(fault.kind);
    }

    pub(super) fn end(&mut self, fault: &Fault) {
        if let Some(index) = self.0.iter().position(|kind| *kind == fault.kind) {
            self.0.remove(index);
        }
    }

    /// Returns whether the connection between two machines is cut, so that dialling fails at once.
    pub(super) fn is_cut(&self, one: usize, other: usize) -> bool {
        self.0.iter().any(|kind| matches!(kind, FaultKind::Cut(a, b) if same_edge((*a, *b), (one, other))))
    }

    /// Returns whether everything that one machine sends to another disappears.
    pub(super) fn is_hole(&self, from: usize, to: usize) -> bool {
        self.0.contains(&FaultKind::Hole(from, to))
    }

    /// The additional delay of segments between two machines.
    pub(super) fn delay(&self, one: usize, other: usize) -> Duration {
        let delay = |kind: &FaultKind| match kind {
            FaultKind::Delay(a, b, by) if same_edge((*a, *b), (one, other)) => *by,
            _ => Duration::ZERO,
        };
        self.0.iter().map(delay).sum()
    }
}

fn same_edge(one: (usize, usize), other: (usize, usize)) -> bool {
    one == other || one == (other.1, other.0)
}
