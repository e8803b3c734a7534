//! The events of the backbone.

use herd::backbone::{AgainAnswer, AgainRequest};

/// An event of the backbone. Its hash is part of a run's trace.
#[derive(Clone, Debug, Hash)]
pub(in crate::sim) enum BackboneEvent {
    FaultBegins(usize),
    FaultEnds(usize),
    /// A message reaches the servers.
    Store {
        number: u64,
    },
    /// A step of a process.
    Step {
        machine: usize,
        life: u64,
        step: Step,
    },
}

/// A step of a process. Steps of an attempt that has ended do nothing.
#[derive(Clone, Debug, Hash)]
pub(in crate::sim) enum Step {
    /// An attempt to publish begins.
    BeginPublishing,
    /// What there is to publish is sent.
    Publish { attempt: u64 },
    /// An acknowledgement arrives.
    Acknowledged { attempt: u64, number: u64, sequence: u64 },
    /// An acknowledgement is due.
    Overdue { attempt: u64, number: u64 },
    /// The stream and the neighbours are looked at.
    Look { attempt: u64 },
    /// An attempt to read begins.
    BeginReading,
    /// A message may have arrived.
    Deliver { attempt: u64 },
    /// Heartbeats of the servers are due.
    Heartbeat { attempt: u64 },
    /// Other regions are asked.
    Ask { attempt: u64 },
    /// A request of a region arrives at a node of another one.
    Request { attempt: u64, asker: Asker, request: AgainRequest },
    /// The answer to it arrives.
    Answer { attempt: u64, ask: u64, answer: AgainAnswer },
    /// The answer is overdue.
    Unanswered { attempt: u64, ask: u64 },
}

/// The process that has asked other regions.
#[derive(Clone, Copy, Debug, Hash)]
pub(in crate::sim) struct Asker {
    pub(in crate::sim) machine: usize,
    pub(in crate::sim) life: u64,
    /// The number of its attempt to read.
    pub(in crate::sim) attempt: u64,
    /// The number of the request.
    pub(in crate::sim) ask: u64,
}

impl BackboneEvent {
    /// The machine that the event concerns; `None` for events of the servers.
    pub(in crate::sim) fn machine(&self) -> Option<usize> {
        match self {
            BackboneEvent::Step { machine, .. } => Some(*machine),
            BackboneEvent::FaultBegins(_) | BackboneEvent::FaultEnds(_) | BackboneEvent::Store { .. } => None,
        }
    }
}
