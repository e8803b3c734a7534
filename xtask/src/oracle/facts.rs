//! The facts of a history, in the form that the invariants need.

use std::collections::BTreeMap;

use super::history::{EventKind, History, Keeps, REMOVE};
use super::update::Update;

/// The facts of a history. Times are in microseconds since its start.
pub(super) struct Facts<'a> {
    pub(super) history: &'a History,
    /// All operations, in the order of their invocation.
    pub(super) ops: Vec<Op<'a>>,
    pub(super) faults: Vec<Fault<'a>>,
    /// For each node: the times at which it ended, and what outlived each end.
    pub(super) ends: Vec<Vec<(u64, Keeps)>>,
    /// For each node: the spans in which it could not answer, as (start, end).
    pub(super) away: Vec<Vec<(u64, u64)>>,
    /// The checks that found that all nodes knew what had been acknowledged before a time, as (time
    /// of the check, that time).
    pub(super) converged: Vec<(u64, u64)>,
    /// Updates that were forgotten by the last node that knew them.
    pub(super) last_copies: Vec<LastCopy<'a>>,
    /// For each node: the records that it has in the end, by client.
    pub(super) known: Vec<BTreeMap<&'a str, Update<'a>>>,
    /// The reports in answers that were to be forgotten by the end.
    pub(super) forgotten: Vec<Update<'a>>,
}

/// An operation: a line that a client or an operator sent.
pub(super) struct Op<'a> {
    pub(super) node: usize,
    pub(super) line: &'a str,
    pub(super) invoked: u64,
    /// The number of removals of the operation's client that the node knew of.
    pub(super) removals: u32,
    /// The time and the text of the answer, if there was one.
    pub(super) answer: Option<(u64, &'a str)>,
}

/// A fault, and the nodes that it concerned.
pub(super) struct Fault<'a> {
    pub(super) nodes: &'a [usize],
    pub(super) from: u64,
    /// The time at which the fault ended; `u64::MAX` if it did not.
    pub(super) until: u64,
}

/// An update that no running node knows any more. It may still be in transit.
pub(super) struct LastCopy<'a> {
    /// The last node that knew the update.
    pub(super) node: usize,
    /// The time at which that node learned it.
    pub(super) since: u64,
    /// The time at which that node was found not to know it.
    pub(super) at: u64,
    pub(super) update: Update<'a>,
}

impl<'a> Op<'a> {
    /// The report in an IAMAT: client, location and time.
    pub(super) fn report(&self) -> Option<&'a str> {
        self.line.strip_prefix("IAMAT ")
    }

    /// The client in a request to remove one.
    pub(super) fn removal(&self) -> Option<&'a str> {
        self.line.strip_prefix(REMOVE)
    }

    /// The update in the answer, and the time of the answer. An answer to a client does not show
    /// the number of removals, so that number comes from the node.
    pub(super) fn update(&self) -> Option<(u64, Update<'a>)> {
        let (at, answer) = self.answer?;
        let update = Update::parse(answer)?;
        Some((at, Update { removals: update.removals.max(self.removals), ..update }))
    }

    /// The node's record of the client, as the answer shows it, and the time of the answer. The
    /// record is an update, or the removal of the client. `None` if the node did not know the
    /// client.
    pub(super) fn record(&self) -> Option<(u64, Update<'a>)> {
        if let Some(update) = self.update() {
            return Some(update);
        }
        let (at, line) = self.answer.filter(|_| self.removals > 0)?;
        let client = self.line.split(' ').nth(1)?;
        Some((at, Update { line, client, removals: self.removals, report: None }))
    }
}

impl<'a> Facts<'a> {
    /// What an answer says of the node's record of the client, as for [`Op::record`]; `None` if it
    /// says nothing. In a herd with shards, a question that no other node answers in time gets the
    /// same answer as one about an unknown client.
    pub(super) fn told(&self, op: &Op<'a>) -> Option<Option<(u64, Update<'a>)>> {
        let record = op.record();
        (record.is_some() || !self.history.setting.divided).then_some(record)
    }

    pub(super) fn of(history: &'a History) -> Facts<'a> {
        let nodes = history.setting.nodes.len();
        let known = |lines: &'a [String]| {
            lines
                .iter()
                .filter_map(|line| Update::parse(line))
                .map(|update| (update.client, update))
                .collect()
        };
        let mut facts = Facts {
            history,
            ops: Vec::new(),
            faults: Vec::new(),
            ends: vec![Vec::new(); nodes],
            away: vec![Vec::new(); nodes],
            converged: Vec::new(),
            last_copies: Vec::new(),
            known: history.endings.iter().map(|ending| known(&ending.lines)).collect(),
            forgotten: Vec::new(),
        };
        facts.collect_events();
        let answered = facts.ops.iter().filter_map(Op::record);
        let forgotten = answered.filter(|(_, update)| facts.is_forgotten(update, u64::MAX));
        facts.forgotten = forgotten.map(|(_, update)| update).collect();
        facts
    }

    fn collect_events(&mut self) {
        let mut ops = BTreeMap::new();
        let mut faults = BTreeMap::new();
        let mut down = BTreeMap::new();
        for event in &self.history.events {
            match &event.kind {
                EventKind::Invoke { op, node, line } => {
                    ops.insert(*op, self.ops.len());
                    self.ops.push(Op { node: *node, line, invoked: event.at, removals: 0, answer: None });
                }
                EventKind::Removals { op, removals } => {
                    if let Some(op) = ops.get(op) {
                        self.ops[*op].removals = *removals;
                    }
                }
                EventKind::Ok { op, answer } => {
                    if let Some(op) = ops.get(op) {
                        self.ops[*op].answer = Some((event.at, answer));
                    }
                }
                EventKind::FaultBegins { fault, nodes, stops_answers, .. } => {
                    faults.insert(*fault, (self.faults.len(), *stops_answers));
                    self.faults.push(Fault { nodes, from: event.at, until: u64::MAX });
                }
                EventKind::FaultEnds { fault } => {
                    if let Some((index, stops_answers)) = faults.get(fault) {
                        let fault = &mut self.faults[*index];
                        fault.until = event.at;
                        if *stops_answers {
                            fault.nodes.iter().for_each(|node| self.away[*node].push((fault.from, event.at)));
                        }
                    }
                }
                EventKind::Down { node, keeps } => {
                    down.insert(*node, event.at);
                    self.ends[*node].push((event.at, *keeps));
                }
                EventKind::Up { node } => {
                    if let Some(since) = down.remove(node) {
                        self.away[*node].push((since, event.at));
                    }
                }
                EventKind::LastCopyLost { node, line, since } => {
                    let copy = |update| LastCopy { node: *node, since: *since, at: event.at, update };
                    self.last_copies.extend(Update::parse(line).map(copy));
                }
                EventKind::Converged { since } => self.converged.push((event.at, *since)),
                EventKind::Info { .. }
                | EventKind::LinkUp { .. }
                | EventKind::LinkDown { .. }
                | EventKind::Usage { .. }
                | EventKind::SequenceReused { .. }
                | EventKind::Repaired { .. }
                | EventKind::Panic { .. } => {}
            }
        }
        for (node, since) in down {
            self.away[node].push((since, u64::MAX));
        }
    }

    /// Every acknowledged report and removal: the operation, the time of its answer, and the
    /// update.
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = (&Op<'a>, u64, Update<'a>)> {
        self.ops.iter().filter(|op| op.report().or(op.removal()).is_some()).filter_map(|op| {
            let (at, update) = op.update()?;
            Some((op, at, update))
        })
    }

    /// Returns whether a node was allowed to forget, until `until`, an update that it knew at
    /// `known_at`. With `Everysec`, a crash of the machine may lose the updates of the last second.
    pub(super) fn may_have_forgotten(&self, node: usize, known_at: u64, until: u64) -> bool {
        use super::Persistence::{Always, Everysec, Memory};
        self.ends[node].iter().filter(|(at, _)| (known_at..=until).contains(at)).any(|(at, keeps)| {
            match (keeps, self.history.setting.durability) {
                (Keeps::Nothing | Keeps::Damaged, _) | (_, Memory) => true,
                (Keeps::Synced, Everysec) => self.awake(node, known_at, *at) <= SYNC_TIME,
                (Keeps::Synced, Always) | (Keeps::Disk, _) => false,
            }
        })
    }

    /// The time between `from` and `until` during which a node ran. A stopped process syncs
    /// nothing.
    fn awake(&self, node: usize, from: u64, until: u64) -> u64 {
        let away =
            self.away[node].iter().map(|(left, back)| (*back).min(until).saturating_sub((*left).max(from)));
        (until - from).saturating_sub(away.sum())
    }

    /// The name of a node.
    pub(super) fn name(&self, node: usize) -> &'a str {
        &self.history.setting.nodes[node]
    }
}

/// The longest time until an update is on disk with `everysec`, in microseconds: a second between
/// two syncs, and some allowance.
const SYNC_TIME: u64 = 1_200_000;
