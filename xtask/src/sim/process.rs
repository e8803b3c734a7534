//! A simulated process: the pure node and its journal, and what the shell around them keeps.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use herd::journal::{Journal, Snapshot};
use herd::message::{ClientId, Lines, Time};
use herd::node::{Answer, Limits, Link, Lives, NeighbourId, Node, Record};

use super::disk::{SimDisk, SimFile};
use super::plan::EPOCH;
use crate::oracle::{Durability, REMOVE, Update};

/// A machine: what outlives its processes, and the process that runs on it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) neighbours: Vec<usize>,
    pub(super) disk: SimDisk,
    /// How far its clock is ahead of the others, in nanoseconds.
    pub(super) clock: u64,
    /// How often it was booted.
    pub(super) boots: u64,
    /// How many processes have run on it.
    pub(super) lives: u64,
    pub(super) process: Option<Process>,
    /// Faults that keep the process from doing anything.
    pub(super) stops: usize,
    /// What its earlier processes have said, and heard that was no news.
    pub(super) said: u64,
    pub(super) stale: u64,
    /// The most bytes that it held for one link.
    pub(super) memory: usize,
    /// Which update each sequence of each epoch was given to.
    pub(super) sequences: BTreeMap<(u64, u64), String>,
    /// When it learned each update first, in microseconds.
    pub(super) learned: BTreeMap<String, u64>,
    /// What its last process knew.
    pub(super) last_known: Vec<String>,
}

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
    /// The disk is busy.
    pub(super) is_writing: bool,
    durability: Durability,
}

/// One end of a wire.
#[derive(Debug)]
pub(super) struct End {
    pub(super) link: Link,
    /// Which neighbour was dialled, by its place in the list; `None` for a connection that was accepted.
    pub(super) dialled: Option<usize>,
    pub(super) side: usize,
    pub(super) lines: Lines,
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    /// When it will look after its link by itself.
    pub(super) wake: Duration,
}

/// What is done to have a link with a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialling {
    /// Nothing, there is one.
    Linked,
    /// It is about to be dialled, or being dialled, or the connection made is served.
    Busy,
}

#[derive(Debug)]
pub(super) struct Promised {
    pub(super) sequence: u64,
    pub(super) op: u64,
    pub(super) answer: String,
}

impl Machine {
    /// Starts a process.
    pub(super) fn start(&mut self, names: &[String], durability: Durability, limits: &Limits, rng: &mut Rng) {
        self.lives += 1;
        let neighbours: Vec<String> = self.neighbours.iter().map(|other| names[*other].clone()).collect();
        let lives = Lives { epoch: rng.u64(1..), incarnation: rng.u64(..), hash_seed: 0 };
        let mut node = Node::new(&self.name, &neighbours, limits.clone(), lives);
        let mut epochs = rng.fork();
        let journal = (durability != Durability::Memory).then(|| {
            let boot = format!("boot-{}", self.boots);
            let epochs = Box::new(move || epochs.u64(1..));
            let opened = Journal::open(self.disk.clone(), &mut node, Some(&boot), epochs);
            opened.expect("a simulated disk can be read").0
        });
        // Opening the journal has synced it.
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
        };
        let process = self.process.insert(process);
        process.node.withhold_after(process.settled());
    }

    /// The time by its clock.
    pub(super) fn clock(&self, now: Duration) -> Time {
        let since = now + Duration::from_nanos(self.clock);
        Time { seconds: EPOCH + since.as_secs(), nanoseconds: since.subsec_nanos() }
    }

    /// Notes which updates it has learned since a sequence.
    pub(super) fn note_learned(&mut self, since: u64, now: u64) {
        let Some(Process { node, .. }) = &self.process else { return };
        for (_, record) in node.table().changes_after(since) {
            self.learned.entry(String::from_utf8_lossy(record.line()).into_owned()).or_insert(now);
        }
    }

    /// Notes the sequences that others may be told of. Returns those that were given before, with both lines.
    ///
    /// A sequence counts as used once others may be told of it, so a node may give one again that it lost with the end of
    /// its journal before anybody heard of it. No second use is missed that way: this is called before links and
    /// clients learn that more is settled, so whatever they were told has been noted. A change that another one of the
    /// same client replaced before that is in nobody's memory. The planted bugs `epoch-kept-after-lost-tail` and
    /// `renumbered-on-replay` are found by this alone.
    pub(super) fn note_sequences(&mut self) -> Vec<(u64, String, String)> {
        let Some(process) = &self.process else { return Vec::new() };
        let (node, settled) = (&process.node, process.settled());
        let mut reused = Vec::new();
        for (sequence, record) in
            node.table().changes_after(0).take_while(|(sequence, _)| *sequence <= settled)
        {
            let line = String::from_utf8_lossy(record.line());
            let first = self.sequences.entry((node.epoch(), sequence)).or_insert_with(|| line.to_string());
            if *first != line {
                reused.push((sequence, first.clone(), line.into_owned()));
            }
        }
        reused
    }

    /// Whether it knows an update, or a later one of the same client.
    pub(super) fn knows(&self, update: &Update<'_>) -> bool {
        let known = self.process.as_ref().and_then(|process| {
            let client = ClientId::parse(update.client.as_bytes())?;
            process.node.table().get_even_removed(client).map(Record::line)
        });
        let known = known.and_then(|line| std::str::from_utf8(line).ok()).and_then(Update::parse);
        known.is_some_and(|known| update.is_superseded_by(&known))
    }

    /// All lines that it knows, sorted.
    pub(super) fn known(&self) -> Vec<String> {
        self.process.as_ref().map(|process| lines_of(&process.node)).unwrap_or_default()
    }

    /// Those of them that its next process would not find on disk, if there is one. To be called at the end.
    pub(super) fn not_on_disk(&self) -> Vec<String> {
        let Some(Process { node, journal: Some(_), .. }) = &self.process else { return Vec::new() };
        let lives = Lives { epoch: 1, incarnation: 1, hash_seed: 0 };
        let mut next = Node::new(&self.name, &[], node.limits().clone(), lives);
        Journal::open(self.disk.clone(), &mut next, None, Box::new(|| 1))
            .expect("a simulated disk can be read");
        let kept = lines_of(&next);
        lines_of(node).into_iter().filter(|line| kept.binary_search(line).is_err()).collect()
    }

    /// Lines said in all its lives, and lines heard that were no news.
    pub(super) fn totals(&self) -> (u64, u64) {
        let counters = self.process.as_ref().map(|process| process.node.counters()).unwrap_or_default();
        (self.said + counters.said, self.stale + counters.stale)
    }
}

/// All lines that a node knows, sorted.
fn lines_of(node: &Node) -> Vec<String> {
    let line = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
    let mut lines: Vec<String> =
        node.table().changes_after(0).map(|(_, record)| line(record.line())).collect();
    lines.sort_unstable();
    lines
}

impl Process {
    /// How often the client that a line is about has been removed.
    pub(super) fn removals(&self, line: &str) -> u32 {
        let client = line.split(' ').nth(1).and_then(|client| ClientId::parse(client.as_bytes()));
        let record = client.and_then(|client| self.node.table().get_even_removed(client));
        record.map_or(0, Record::removals)
    }

    /// Does what an operator or a client says. Returns the answer's first line.
    pub(super) fn answer(&mut self, line: &str, now: Time) -> (String, u64) {
        let removal = line.strip_prefix(REMOVE).and_then(|client| ClientId::parse(client.as_bytes()));
        let Some(client) = removal else {
            let mut out = Vec::new();
            let (answered, sequence) = self.node.answer(line.as_bytes(), now, &mut out);
            debug_assert_eq!(answered, Answer::Written);
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

    /// Whether its disk has failed, and it goes on without.
    pub(super) fn is_degraded(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.failure().is_some())
    }

    /// Up to which sequence nothing has to wait for the disk.
    pub(super) fn settled(&self) -> u64 {
        match (&self.journal, self.durability) {
            (Some(journal), Durability::Everysec) if !self.is_degraded() => journal.written(),
            (Some(_), Durability::Always) if !self.is_degraded() => self.synced,
            _ => u64::MAX,
        }
    }

    /// Which neighbour that is, by its place in the list.
    pub(super) fn neighbour(&self, id: NeighbourId) -> usize {
        self.node.neighbours().position(|(other, _)| other == id).unwrap_or_default()
    }

    /// The neighbour at a place in the list.
    pub(super) fn neighbour_id(&self, place: usize) -> NeighbourId {
        self.node.neighbours().nth(place).expect("a neighbour at each place").0
    }
}
