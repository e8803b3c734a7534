//! What of a history is drawn: times from and until, in microseconds, by node and by link.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::{History, What};

/// What the rows of a timeline show.
pub(super) struct Lanes<'a> {
    /// The names of the nodes.
    pub(super) names: &'a [String],
    /// When the last thing happened.
    pub(super) end: u64,
    /// By node: when its process ran.
    pub(super) up: Vec<Vec<Span<'a>>>,
    /// By node: when lines of its clients were answered.
    pub(super) answered: Vec<Vec<u64>>,
    /// By node: when clients gave up waiting for an answer.
    pub(super) failed: Vec<Vec<u64>>,
    /// What was broken, and at which nodes.
    pub(super) faults: Vec<(Span<'a>, &'a [usize])>,
    /// By end and other end of a link: when it was up, and why it ended.
    pub(super) links: BTreeMap<(usize, usize), Vec<Span<'a>>>,
    /// From the end of a fault until all nodes knew the same.
    pub(super) settling: Vec<Span<'a>>,
}

/// Something that lasted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) from: u64,
    pub(super) until: u64,
    /// What, or why it ended.
    pub(super) label: &'a str,
}

/// Colours that can be told apart, by most people too who see few.
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
        let (mut asked, mut broken) = (BTreeMap::new(), BTreeMap::new());
        for event in &history.events {
            let at = event.at;
            match &event.what {
                What::Invoke { op, node, .. } => {
                    asked.insert(op, *node);
                }
                What::Ok { op, .. } => {
                    asked.get(op).into_iter().for_each(|node| lanes.answered[*node].push(at));
                }
                What::Info { op } => {
                    asked.get(op).into_iter().for_each(|node| lanes.failed[*node].push(at));
                }
                What::Up { node } => {
                    let span = lanes.open(at, "");
                    lanes.up[*node].push(span);
                }
                What::Down { node, .. } => lanes.end_process(*node, at),
                What::FaultBegins { fault, kind, nodes, .. } => {
                    broken.insert(fault, lanes.faults.len());
                    let span = lanes.open(at, kind);
                    lanes.faults.push((span, nodes));
                }
                What::FaultEnds { fault } => {
                    broken.get(fault).into_iter().for_each(|index| lanes.faults[*index].0.until = at);
                }
                What::LinkUp { node, neighbour } => {
                    let span = lanes.open(at, "");
                    let link = lanes.links.entry((*node, *neighbour)).or_default();
                    close(link, at, "another took its place");
                    link.push(span);
                }
                What::LinkDown { node, neighbour, reason } => {
                    close(lanes.links.entry((*node, *neighbour)).or_default(), at, reason);
                }
                What::Converged { since } => lanes.settling.push(Span { from: *since, until: at, label: "" }),
                What::Removals { .. }
                | What::Usage { .. }
                | What::SequenceReused { .. }
                | What::LastCopyLost { .. }
                | What::Panic { .. } => {}
            }
        }
        lanes
    }

    /// The kinds of faults, each with its colour.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'a str, &'static str)> {
        let kinds: BTreeSet<&str> = self.faults.iter().map(|(span, _)| span.label).collect();
        kinds.into_iter().zip(COLORS.into_iter().cycle())
    }

    /// Something that lasts until the end, as far as is known yet.
    fn open(&self, from: u64, label: &'a str) -> Span<'a> {
        Span { from, until: self.end, label }
    }

    fn end_process(&mut self, node: usize, at: u64) {
        close(&mut self.up[node], at, "");
        let own = self.links.iter_mut().filter(|((end, _), _)| *end == node);
        own.for_each(|(_, spans)| close(spans, at, "the process ended"));
    }
}

/// Ends the last span, unless it has ended already.
fn close<'a>(spans: &mut [Span<'a>], at: u64, why: &'a str) {
    if let Some(last) = spans.last_mut().filter(|span| span.until > at) {
        (last.until, last.label) = (at, why);
    }
}
