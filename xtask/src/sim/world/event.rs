//! The events of the world.

use super::World;
use crate::sim::backbone::BackboneEvent;

/// An event of the world. Its hash is part of a run's trace.
#[derive(Clone, Debug, Hash)]
pub(super) enum Event {
    /// A segment may have arrived.
    Arrive {
        wire: u64,
        side: usize,
    },
    /// A dialled connection reaches the other machine.
    Accept {
        wire: u64,
    },
    /// An end checks its link and sends what is due.
    Wake {
        machine: usize,
        life: u64,
        wire: u64,
    },
    /// A neighbour is dialled unless there is a link with it.
    Dial {
        machine: usize,
        life: u64,
        place: usize,
    },
    /// Clients are forgotten, and the journal is synced and possibly compacted.
    Tick {
        machine: usize,
        life: u64,
    },
    /// A write to the journal completes.
    Written {
        machine: usize,
        life: u64,
    },
    /// A sync of the journal completes.
    Synced {
        machine: usize,
        life: u64,
    },
    /// A snapshot is finished.
    FinishSnapshot {
        machine: usize,
        life: u64,
    },
    /// A snapshot replaces the journal.
    Install {
        machine: usize,
        life: u64,
    },
    /// A client or an operator sends a line.
    ClientLine {
        node: usize,
        line: String,
        retries: bool,
    },
    FaultBegins(usize),
    FaultEnds(usize),
    /// It is checked whether all nodes agree.
    CheckConvergence,
    /// All wall clocks leap.
    Leap,
    /// The trees must be whole from now on.
    Calm,
    /// The herd must be at rest from now on.
    Rest,
    /// Something happens on the backbone.
    Backbone(BackboneEvent),
}

impl World<'_> {
    /// The machine that an event concerns; `None` for events of the world itself.
    pub(super) fn concerned(&self, event: &Event) -> Option<usize> {
        match event {
            Event::Arrive { wire, side } => self.wires.get(wire).map(|wire| wire.machines[*side]),
            Event::Accept { wire } => self.wires.get(wire).map(|wire| wire.machines[1]),
            Event::Wake { machine, .. }
            | Event::Dial { machine, .. }
            | Event::Tick { machine, .. }
            | Event::Written { machine, .. }
            | Event::Synced { machine, .. }
            | Event::FinishSnapshot { machine, .. }
            | Event::Install { machine, .. } => Some(*machine),
            Event::ClientLine { node, .. } => Some(*node),
            Event::FaultBegins(_)
            | Event::FaultEnds(_)
            | Event::CheckConvergence
            | Event::Leap
            | Event::Calm
            | Event::Rest => None,
            Event::Backbone(event) => event.machine(),
        }
    }
}
