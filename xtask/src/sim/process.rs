//! A simulated machine and the process on it: a node, its journal, and the state that the server
//! around them would keep.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use herd::journal::{Journal, Snapshot};
use herd::message::{ClientId, Lines, Time};
use herd::node::{Answer, Limits, Link, Lives, NeighbourId, Node, Record, Shards};

use super::backbone::Member;
use super::disk::{SimDisk, SimFile};
use super::plan::EPOCH;
use crate::oracle::{Persistence, REMOVE, Update};

/// The name of the stream that joins regions.
const STREAM: &str = "herd";

/// A machine: the state that outlives processes, and the process that runs on it.
#[derive(Debug)]
pub(super) struct SimMachine {
    pub(super) name: String,
    pub(super) neighbours: Vec<usize>,
    pub(super) disk: SimDisk,
    /// The time by which its clock is ahead of virtual time, in nanoseconds.
    pub(super) clock: u64,
    /// The number of boots.
    pub(super) boots: u64,
    /// The number of processes that have run on it.
    pub(super) lives: u64,
    pub(super) process: Option<Process>,
    /// The number of active faults that stop the process.
    pub(super) stops: usize,
    /// The number of updates that its earlier processes sent.
    pub(super) sent: u64,
    /// The number of updates that its earlier processes received and knew already.
    pub(super) stale: u64,
    /// The most bytes that it held for one link.
    pub(super) memory: usize,
    /// The first update of each epoch and sequence.
    pub(super) sequences: BTreeMap<(u64, u64), String>,
    /// The time at which it first learned each update, in microseconds.
    pub(super) learned: BTreeMap<String, u64>,
    /// The records that its last process knew at its end.
    pub(super) last_known: Vec<String>,
}

/// A process of a node.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) node: Node,
    pub(super) journal: Option<Journal<SimDisk>>,
    pub(super) snapshot: Option<Snapshot<SimFile>>,
    pub(super) ends: BTreeMap<u64, End>,
    pub(super) dialling: Vec<Dialling>,
    /// Answers that wait for the disk.
    pub(super) promised: VecDeque<Promised>,
    /// The last sequence on disk.
    pub(super) synced: u64,
    /// Whether the disk is busy.
    pub(super) is_writing: bool,
    durability: Persistence,
    /// `None` if there is no backbone.
    pub(super) member: Option<Member>,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    pub(super) link: Link,
    /// The place of the dialled neighbour in the list; `None` if the connection was accepted.
    pub(super) dialled: Option<usize>,
    pub(super) side: usize,
    pub(super) lines: Lines,
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    /// The time at which its next wake-up is scheduled.
    pub(super) wake: Duration,
}

/// The state of the dialling of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialling {
    /// There is a link, so the neighbour is not dialled.
    Linked,
    /// A dial is scheduled or in progress, or its connection is being served.
    Busy,
}

/// An answer that waits for the disk, and the sequence that must be on disk before.
#[derive(Debug)]
pub(super) struct Promised {
    pub(super) sequence: u64,
    pub(super) op: u64,
    pub(super) answer: String,
}

impl SimMachine {
    /// Starts a process on the machine's disk.
    pub(super) fn start(
        &mut self,
        names: &[String],
        durability: Persistence,
        limits: &Limits,
        shards: Shards,
        member: Option<Member>,
        rng: &mut Rng,
    ) {
        self.lives += 1;
        let neighbours: Vec<String> = self.neighbours.iter().map(|other| names[*other].clone()).collect();
        let lives = Lives { epoch: rng.u64(1..), incarnation: rng.u64(..), hash_seed: 0 };
        let mut node = Node::new(&self.name, &neighbours, limits.clone(), lives);
        if member.as_ref().is_some_and(|member| member.reading.is_some()) {
            node.read_stream(STREAM, shards);
        }
        let mut epochs = rng.fork();
        let journal = (durability != Persistence::Memory).then(|| {
            let boot = format!("boot-{}", self.boots);
            let epochs = Box::new(move || epochs.u64(1..));
            let opened = Journal::open(self.disk.clone(), &mut node, Some(&boot), epochs);
            opened.expect("a simulated disk can be read").0
        });
        // The journal was synced when it was opened.
        let synced = journal.as_ref().map_or(0, Journal::written);
        let process = Process {
            node,
            journal,
            snapshot: None,
            ends: BTreeMap::new(),
            dialling: vec![Dialling::Busy; self.neighbours.len()],
            promised: VecDeque::new(),
            synced,
            is_writing: false,
            durability,
            member,
        };
        let process = self.process.insert(process);
        process.node.withhold_after(process.settled());
    }

    /// The time of the machine's clock.
    pub(super) fn clock(&self, now: Duration) -> Time {
        let since = now + Duration::from_nanos(self.clock);
        Time { seconds: EPOCH + since.as_secs(), nanoseconds: since.subsec_nanos() }
    }

    /// Keeps the time at which it first learned each update after the sequence `since`.
    pub(super) fn keep_learned(&mut self, since: u64, now: u64) {
        let Some(Process { node, .. }) = &self.process else { return };
        for (_, record) in node.table().changes_after(since) {
            self.learned.entry(line_of(record)).or_insert(now);
        }
    }

    /// Keeps the sequences that neighbours and clients may see from now on. Returns those that had
    /// another update before, with both lines.
    ///
    /// A sequence counts as used once neighbours may see it. A node may lose the end of its journal
    /// and use a sequence again that no neighbour has seen. This function is called before links
    /// and clients get newly settled updates, so it misses no sequence that they have seen. It does
    /// not see a change that another change of the same client has replaced already, but then no
    /// neighbour sees it either. Only this check finds the planted bugs
    /// `epoch-kept-after-lost-tail` and `renumbered-on-replay`.
    pub(super) fn reused_sequences(&mut self) -> Vec<(u64, String, String)> {
        let Some(process) = &self.process else { return Vec::new() };
        let (node, settled) = (&process.node, process.settled());
        let mut reused = Vec::new();
        for (sequence, record) in
            node.table().changes_after(0).take_while(|(sequence, _)| *sequence <= settled)
        {
            // Of a dropped record, its client's removal may be left.
            if !node.table().shards().holds(record.client()) {
                continue;
            }
            let line = line_of(record);
            let first = self.sequences.entry((node.epoch(), sequence)).or_insert_with(|| line.clone());
            if *first != line {
                reused.push((sequence, first.clone(), line));
            }
        }
        reused
    }

    /// Returns whether it knows an update or a later one of the same client.
    pub(super) fn knows(&self, update: &Update<'_>) -> bool {
        let known = self.process.as_ref().and_then(|process| {
            let client = ClientId::parse(update.client.as_bytes())?;
            process.node.table().get_even_removed(client).map(line_of)
        });
        let known = known.as_deref().and_then(Update::parse);
        known.is_some_and(|known| update.is_superseded_by(&known))
    }

    /// The lines of all its records, sorted.
    pub(super) fn known(&self) -> Vec<String> {
        self.process.as_ref().map(|process| lines_of(&process.node)).unwrap_or_default()
    }

    /// The lines that a process with a disk would lose in a restart. Opens the journal, so it must
    /// be called after the run.
    pub(super) fn not_on_disk(&self) -> Vec<String> {
        let Some(Process { node, journal: Some(_), .. }) = &self.process else { return Vec::new() };
        let lives = Lives { epoch: 1, incarnation: 1, hash_seed: 0 };
        let mut next = Node::new(&self.name, &[], node.limits().clone(), lives);
        next.read_stream(STREAM, node.table().shards());
        Journal::open(self.disk.clone(), &mut next, None, Box::new(|| 1))
            .expect("a simulated disk can be read");
        while next.forget_old(Time::default()) {}
        let kept = lines_of(&next);
        let mut lines = lines_of(node);
        lines.retain(|line| {
            let update = Update::parse(line);
            update.is_none_or(|update| node.table().shards().holds(update.client.as_bytes()))
        });
        lines.retain(|line| kept.binary_search(line).is_err());
        lines
    }

    /// The numbers of updates that all its processes have sent, and have received in vain.
    pub(super) fn totals(&self) -> (u64, u64) {
        let counters = self.process.as_ref().map(|process| process.node.counters()).unwrap_or_default();
        (self.sent + counters.said, self.stale + counters.stale)
    }
}

/// The lines of all records of a node, sorted.
fn lines_of(node: &Node) -> Vec<String> {
    let mut lines: Vec<String> = node.table().changes_after(0).map(|(_, record)| line_of(record)).collect();
    lines.sort_unstable();
    lines
}

/// A record's line as text.
pub(super) fn line_of(record: Record<'_>) -> String {
    String::from_utf8_lossy(&record.line()).into_owned()
}

impl Process {
    /// The number of removals of the client that a line names.
    pub(super) fn removals(&self, line: &str) -> u32 {
        let client = line.split(' ').nth(1).and_then(|client| ClientId::parse(client.as_bytes()));
        let record = client.and_then(|client| self.node.table().get_even_removed(client));
        record.map_or(0, |record| record.removals())
    }

    /// Executes a line of an operator or a client. Returns the first line of the answer, and the
    /// sequence that must be settled before it is sent.
    pub(super) fn answer(&mut self, line: &str, now: Time) -> (String, u64) {
        let removal = line.strip_prefix(REMOVE).and_then(|client| ClientId::parse(client.as_bytes()));
        let Some(client) = removal else {
            let mut out = Vec::new();
            let (answered, sequence) = self.node.answer(line.as_bytes(), now, &mut out);
            debug_assert!(matches!(answered, Answer::Written | Answer::Refused(_)));
            let answer = String::from_utf8_lossy(&out).lines().next().unwrap_or_default().to_owned();
            return (answer, sequence);
        };
        match self.node.remove(client) {
            Ok(removals) => {
                (format!("REMOVED {removals} {}", &line[REMOVE.len()..]), self.node.table().head())
            }
            Err(error) => (format!("? {error}"), 0),
        }
    }

    /// Returns whether its disk has failed, so that it runs without a journal.
    pub(super) fn is_degraded(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.failure().is_some())
    }

    /// The last sequence that does not have to wait for the disk.
    pub(super) fn settled(&self) -> u64 {
        match (&self.journal, self.durability) {
            (Some(journal), Persistence::Everysec) if !self.is_degraded() => journal.written(),
            (Some(_), Persistence::Always) if !self.is_degraded() => self.synced,
            _ => u64::MAX,
        }
    }

    /// The place of a neighbour in the list.
    pub(super) fn neighbour(&self, id: NeighbourId) -> usize {
        self.node.neighbours().position(|(other, _)| other == id).unwrap_or_default()
    }

    /// The neighbour at a place in the list.
    pub(super) fn neighbour_id(&self, place: usize) -> NeighbourId {
        self.node.neighbours().nth(place).expect("a neighbour at each place").0
    }
}
