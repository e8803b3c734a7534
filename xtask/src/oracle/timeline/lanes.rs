//! The parts of a history that a timeline shows, by node and by link. Times are in microseconds.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::{EventKind, History};

/// The contents of a timeline's rows.
pub(super) struct Lanes<'a> {
    /// The names of the nodes.
    pub(super) names: &'a [String],
    /// The time of the last event.
    pub(super) end: u64,
    /// For each node: the spans in which its process ran.
    pub(super) up: Vec<Vec<Span<'a>>>,
    /// For each node: the times at which lines of its clients were answered.
    pub(super) answered: Vec<Vec<u64>>,
    /// For each node: the times at which clients gave up waiting for an answer.
    pub(super) failed: Vec<Vec<u64>>,
    /// The faults, and the nodes that each concerned.
    pub(super) faults: Vec<(Span<'a>, &'a [usize])>,
    /// For each end of a link, as (this end, other end): the spans in which this end took the link
    /// as up. The label is the reason for the end.
    pub(super) links: BTreeMap<(usize, usize), Vec<Span<'a>>>,
    /// The spans from the end of a fault until all nodes agreed.
    pub(super) settling: Vec<Span<'a>>,
}

/// A span of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) from: u64,
    pub(super) until: u64,
    /// The name of the span, or the reason why it ended.
    pub(super) label: &'a str,
}

/// Colours that most colour-blind people can distinguish, too.
const COLORS: [&str; 13] = [
    "#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f",
    "#86775f", "#1b9e9e", "#a02c5a", "#6b6bd6",
];

impl<'a> Lanes<'a> {
    pub(super) fn of(history: &'a History) -> Lanes<'a> {
        let names = &history.setting.nodes;
        let mut lanes = Lanes {
            names,
            end: history.events.iter().map(|event| event.at).max().unwrap_or(1).max(1),
            up: vec![Vec::new(); names.len()],
            answered: vec![Vec::new(); names.len()],
            failed: vec![Vec::new(); names.len()],
            faults: Vec::new(),
            links: BTreeMap::new(),
            settling: Vec::new(),
        };
        let mut asked = BTreeMap::new();
        let mut broken = BTreeMap::new();
        for event in &history.events {
            let at = event.at;
            match &event.kind {
                EventKind::Invoke { op, node, .. } => {
                    asked.insert(op, *node);
                }
                EventKind::Ok { op, .. } => {
                    asked.get(op).into_iter().for_each(|node| lanes.answered[*node].push(at));
                }
                EventKind::Info { op } => {
                    asked.get(op).into_iter().for_each(|node| lanes.failed[*node].push(at));
                }
                EventKind::Up { node } => {
                    let span = lanes.open(at, "");
                    lanes.up[*node].push(span);
                }
                EventKind::Down { node, .. } => lanes.end_process(*node, at),
                EventKind::FaultBegins { fault, kind, nodes, .. } => {
                    broken.insert(fault, lanes.faults.len());
                    let span = lanes.open(at, kind);
                    lanes.faults.push((span, nodes));
                }
                EventKind::FaultEnds { fault } => {
                    broken.get(fault).into_iter().for_each(|index| lanes.faults[*index].0.until = at);
                }
                EventKind::LinkUp { node, neighbour } => {
                    let span = lanes.open(at, "");
                    let link = lanes.links.entry((*node, *neighbour)).or_default();
                    close(link, at, "another took its place");
                    link.push(span);
                }
                EventKind::LinkDown { node, neighbour, reason } => {
                    close(lanes.links.entry((*node, *neighbour)).or_default(), at, reason);
                }
                EventKind::Converged { since } => {
                    lanes.settling.push(Span { from: *since, until: at, label: "" });
                }
                EventKind::Removals { .. }
                | EventKind::Usage { .. }
                | EventKind::SequenceReused { .. }
                | EventKind::LastCopyLost { .. }
                | EventKind::Repaired { .. }
                | EventKind::Panic { .. } => {}
            }
        }
        lanes
    }

    /// The names of the faults, each with its colour.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'a str, &'static str)> {
        let kinds: BTreeSet<&str> = self.faults.iter().map(|(span, _)| span.label).collect();
        kinds.into_iter().zip(COLORS.into_iter().cycle())
    }

    /// A span that lasts until the end of the timeline unless an event closes it.
    fn open(&self, from: u64, label: &'a str) -> Span<'a> {
        Span { from, until: self.end, label }
    }

    fn end_process(&mut self, node: usize, at: u64) {
        close(&mut self.up[node], at, "");
        let own = self.links.iter_mut().filter(|((end, _), _)| *end == node);
        own.for_each(|(_, spans)| close(spans, at, "the process ended"));
    }
}

/// Ends the last span unless it has ended already.
fn close<'a>(spans: &mut [Span<'a>], at: u64, reason: &'a str) {
    if let Some(last) = spans.last_mut().filter(|span| span.until > at) {
        last.until = at;
        last.label = reason;
    }
}
