//! A history, put in order for the invariants.

use std::collections::BTreeMap;

use super::history::{History, Keeps, REMOVE, What};
use super::update::Update;

/// What the invariants ask about.
pub(super) struct Facts<'a> {
    pub(super) history: &'a History,
    /// All operations, in the order in which they were invoked.
    pub(super) ops: Vec<Op<'a>>,
    pub(super) faults: Vec<Fault<'a>>,
    /// By node: when it ended, and what it kept.
    pub(super) ends: Vec<Vec<(u64, Keeps)>>,
    /// By node: when it could not answer, from and until.
    pub(super) away: Vec<Vec<(u64, u64)>>,
    /// Updates that the last node to know them forgot.
    pub(super) last_copies: Vec<LastCopy<'a>>,
    /// By node: what it knows in the end, by client.
    pub(super) known: Vec<BTreeMap<&'a str, Update<'a>>>,
}

/// Something that a client asked for.
pub(super) struct Op<'a> {
    pub(super) node: usize,
    pub(super) line: &'a str,
    pub(super) invoked: u64,
    /// How often its client had been removed, as far as the node knew.
    pub(super) removals: u32,
    /// When it was answered, and what with.
    pub(super) answer: Option<(u64, &'a str)>,
}

/// Something that was broken.
pub(super) struct Fault<'a> {
    pub(super) nodes: &'a [usize],
    pub(super) from: u64,
    /// `u64::MAX` if it was never mended.
    pub(super) until: u64,
}

/// An update that is known nowhere any more, unless it is on its way to somebody.
pub(super) struct LastCopy<'a> {
    /// The last node that knew it, since when, and when it was found not to.
    pub(super) node: usize,
    pub(super) since: u64,
    pub(super) at: u64,
    pub(super) update: Update<'a>,
}

impl<'a> Op<'a> {
    /// The report, if it is one: client, location and time.
    pub(super) fn report(&self) -> Option<&'a str> {
        self.line.strip_prefix("IAMAT ")
    }

    /// The client that is to be removed, if it is that.
    pub(super) fn removal(&self) -> Option<&'a str> {
        self.line.strip_prefix(REMOVE)
    }

    /// The update that it was answered with, and when. Clients see no number of removals: it is the node's.
    pub(super) fn update(&self) -> Option<(u64, Update<'a>)> {
        let (at, answer) = self.answer?;
        let update = Update::parse(answer)?;
        Some((at, Update { removals: update.removals.max(self.removals), ..update }))
    }

    /// What the node knew of the client, as the answer tells, and when: an update, or that it was removed.
    pub(super) fn told(&self) -> Option<(u64, Update<'a>)> {
        let removed = || {
            let (at, line) = self.answer.filter(|_| self.removals > 0)?;
            let client = self.line.split(' ').nth(1)?;
            Some((at, Update { line, client, removals: self.removals, report: None }))
        };
        self.update().or_else(removed)
    }
}

impl<'a> Facts<'a> {
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
            last_copies: Vec::new(),
            known: history.endings.iter().map(|ending| known(&ending.lines)).collect(),
        };
        facts.note_events();
        facts
    }

    fn note_events(&mut self) {
        let (mut ops, mut faults, mut down) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for event in &self.history.events {
            match &event.what {
                What::Invoke { op, node, line } => {
                    ops.insert(*op, self.ops.len());
                    self.ops.push(Op { node: *node, line, invoked: event.at, removals: 0, answer: None });
                }
                What::Removals { op, removals } => {
                    if let Some(op) = ops.get(op) {
                        self.ops[*op].removals = *removals;
                    }
                }
                What::Ok { op, answer } => {
                    if let Some(op) = ops.get(op) {
                        self.ops[*op].answer = Some((event.at, answer));
                    }
                }
                What::FaultBegins { fault, nodes, stops_answers, .. } => {
                    faults.insert(*fault, (self.faults.len(), *stops_answers));
                    self.faults.push(Fault { nodes, from: event.at, until: u64::MAX });
                }
                What::FaultEnds { fault } => {
                    if let Some((index, stops_answers)) = faults.get(fault) {
                        let fault = &mut self.faults[*index];
                        fault.until = event.at;
                        if *stops_answers {
                            fault.nodes.iter().for_each(|node| self.away[*node].push((fault.from, event.at)));
                        }
                    }
                }
                What::Down { node, keeps } => {
                    down.insert(*node, event.at);
                    self.ends[*node].push((event.at, *keeps));
                }
                What::Up { node } => {
                    if let Some(since) = down.remove(node) {
                        self.away[*node].push((since, event.at));
                    }
                }
                What::LastCopyLost { node, line, since } => {
                    let copy = |update| LastCopy { node: *node, since: *since, at: event.at, update };
                    self.last_copies.extend(Update::parse(line).map(copy));
                }
                What::Info { .. }
                | What::LinkUp { .. }
                | What::LinkDown { .. }
                | What::Converged { .. }
                | What::Usage { .. }
                | What::SequenceReused { .. }
                | What::Panic { .. } => {}
            }
        }
        for (node, since) in down {
            self.away[node].push((since, u64::MAX));
        }
    }

    /// Every acknowledged report and removal: the operation, when it was acknowledged, and the update.
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = (&Op<'a>, u64, Update<'a>)> {
        self.ops.iter().filter(|op| op.report().or(op.removal()).is_some()).filter_map(|op| {
            let (at, update) = op.update()?;
            Some((op, at, update))
        })
    }

    /// Whether a node has forgotten between two moments what it knew at the first: `Synced` keeps what is older than
    /// about a second, unless everything waits for the disk.
    pub(super) fn forgot(&self, node: usize, known_at: u64, until: u64) -> bool {
        use super::Durability::{Always, Everysec, Memory};
        self.ends[node].iter().filter(|(at, _)| (known_at..=until).contains(at)).any(|(at, keeps)| {
            match (keeps, self.history.setting.durability) {
                (Keeps::Nothing | Keeps::Damaged, _) | (_, Memory) => true,
                (Keeps::Synced, Everysec) => self.awake(node, known_at, *at) <= SYNC_TAKES,
                (Keeps::Synced, Always) | (Keeps::Disk, _) => false,
            }
        })
    }

    /// For how long between two moments a node could do anything: a process that is stopped syncs nothing.
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

/// `everysec` has the disk waited for a second after the last time, in microseconds, with some allowance.
const SYNC_TAKES: u64 = 1_200_000;
