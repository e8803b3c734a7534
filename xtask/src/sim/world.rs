//! The shell around simulated nodes: what `herd`'s server does with sockets, tasks, clocks and a disk is done here with
//! a queue of events in virtual time.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::Duration;

use fastrand::Rng;
use herd::journal::{Journal, Log, Snapshot};
use herd::message::{Lines, Piece as LinePiece};
use herd::node::{Answer, Limits, Link, LinkEnd, LinkEvent, LinkId, Node, Outcome};

use super::disk::{SimDisk, SimFile};
use super::network::Broken;
use super::plan::{FaultKind, Plan};
use super::process::{Dialling, End, Machine, Process, Promised};
use super::wire::{Piece, Wire};
use super::{Ran, SETTLES};
use crate::oracle::{Durability, Ending, History, Keeps, Setting, Source, Update, What};

/// Journals are written anew when they are longer than so many bytes, so that it happens.
const JOURNAL: u64 = 600;

/// A snapshot takes the place of the journal at most so long after it was begun.
const SNAPSHOT: Duration = Duration::from_millis(300);

/// How long the disk takes, at most.
const DISK: Duration = Duration::from_millis(5);

/// How often the disk is waited for when nobody waits for it.
const SYNC: Duration = Duration::from_secs(1);

/// How long a client waits before it tries another node, once.
const RETRY: Duration = Duration::from_millis(200);

/// Live nodes answer at once; or after the disk.
const PATIENCE: Duration = Duration::from_millis(50);

/// Before the end the herd must be at rest for so long.
const REST: Duration = Duration::from_millis(900);

/// How often it is looked whether all nodes know the same, once nothing is broken any more.
const LOOK: Duration = Duration::from_millis(20);

/// A run of a healthy herd takes some thousands of events. One that is far beyond that floods for ever, and is ended.
const MOST_EVENTS: u64 = 500_000;

/// How far clocks differ at most, in nanoseconds.
const CLOCKS: u64 = 200_000_000;

#[derive(Clone, Debug, Hash)]
enum Event {
    /// Something may have arrived.
    Arrive {
        wire: u64,
        side: usize,
    },
    /// A connection that was dialled reaches the machine it was dialled to.
    Accept {
        wire: u64,
    },
    /// An end looks after its link.
    Wake {
        machine: usize,
        life: u64,
        wire: u64,
    },
    /// A neighbour is to be dialled unless there is a link.
    Dial {
        machine: usize,
        life: u64,
        place: usize,
    },
    /// The disk is looked after, whoever waits for it.
    Tick {
        machine: usize,
        life: u64,
    },
    /// The disk has what was appended.
    Sync {
        machine: usize,
        life: u64,
    },
    /// A snapshot takes the place of the journal.
    TakeOver {
        machine: usize,
        life: u64,
    },
    /// A client says a line.
    Say {
        node: usize,
        line: String,
        retries: bool,
    },
    FaultBegins(usize),
    FaultEnds(usize),
    /// It is looked whether all nodes know the same.
    Look,
    /// The herd should be at rest.
    Rest,
}

pub(super) struct World<'a> {
    plan: &'a Plan,
    limits: Limits,
    now: Duration,
    queue: BTreeMap<(Duration, u64), Event>,
    events: u64,
    rng: Rng,
    names: Vec<String>,
    machines: Vec<Machine>,
    wires: BTreeMap<u64, Wire>,
    next_wire: u64,
    next_op: u64,
    broken: Broken,
    /// What happens to a machine that is stopped, to happen when it goes on.
    deferred: Vec<Event>,
    history: History,
    trace: DefaultHasher,
    settled: Option<Duration>,
    at_rest: Vec<u64>,
    messages: u64,
    watch: Watch<'a>,
}

/// Is told when a machine has learned updates: when, which machine, and their AT lines.
pub(super) type Watch<'a> = &'a mut dyn FnMut(Duration, usize, &str);

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan, watch: Watch<'a>) -> World<'a> {
        let mut rng = Rng::with_seed(plan.seed ^ 0x5EED);
        let names: Vec<String> = (0..plan.nodes).map(|node| format!("N{node:02}")).collect();
        let edges = plan.graph.edges(plan.nodes);
        let neighbours = |node: usize| {
            let other = |&(low, high): &(usize, usize)| match node {
                _ if node == low => Some(high),
                _ if node == high => Some(low),
                _ => None,
            };
            edges.iter().filter_map(other).collect()
        };
        let machine = |(node, name): (usize, &String)| Machine {
            name: name.clone(),
            neighbours: neighbours(node),
            disk: SimDisk::default(),
            clock: rng.u64(..=CLOCKS),
            boots: 0,
            lives: 0,
            process: None,
            stops: 0,
            said: 0,
            stale: 0,
            memory: 0,
            sequences: BTreeMap::new(),
            learned: BTreeMap::new(),
            last_known: Vec::new(),
        };
        let machines = names.iter().enumerate().map(machine).collect();
        let limits = Limits { journal_bytes: JOURNAL, ..Limits::default() };
        let setting = Setting {
            nodes: names.clone(),
            edges: edges.len(),
            durability: plan.durability,
            source: Source::Simulation,
            patience: micros(PATIENCE),
            memory: 2 * limits.link_batch_bytes as u64,
        };
        World {
            plan,
            limits,
            now: Duration::ZERO,
            queue: BTreeMap::new(),
            events: 0,
            rng,
            names,
            machines,
            wires: BTreeMap::new(),
            next_wire: 0,
            next_op: 0,
            broken: Broken::default(),
            deferred: Vec::new(),
            history: History::new(setting),
            trace: DefaultHasher::new(),
            settled: None,
            at_rest: Vec::new(),
            messages: 0,
            watch,
        }
    }

    /// Runs the plan, and lets the herd settle.
    pub(super) fn run(mut self) -> Ran {
        for machine in 0..self.machines.len() {
            self.start(machine);
        }
        for (index, fault) in self.plan.faults.iter().enumerate() {
            self.at(fault.from, Event::FaultBegins(index));
            self.at(fault.until, Event::FaultEnds(index));
        }
        for op in &self.plan.ops {
            self.at(op.at, Event::Say { node: op.node, line: op.line.clone(), retries: true });
        }
        let end = self.plan.end + SETTLES;
        self.at(self.plan.end, Event::Look);
        self.at(end - REST, Event::Rest);
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if at > end || self.events > MOST_EVENTS {
                break;
            }
            self.now = at;
            (at, &event).hash(&mut self.trace);
            self.happen(event);
        }
        self.finish()
    }

    fn finish(mut self) -> Ran {
        for (node, machine) in self.machines.iter().enumerate() {
            let (said, stale) = machine.totals();
            // A run that had to be ended was never at rest.
            let restless = u64::from(self.events > MOST_EVENTS);
            let said_at_rest = restless + said - self.at_rest.get(node).copied().unwrap_or_default();
            let memory = machine.memory as u64;
            let (lines, not_on_disk) = (machine.known(), machine.not_on_disk());
            self.history.endings.push(Ending { lines, not_on_disk, said, stale, said_at_rest, memory });
        }
        Ran {
            history: self.history,
            trace: self.trace.finish(),
            settled: self.settled.map(|at| at - self.plan.end),
            messages: self.messages,
        }
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), event);
    }

    fn soon(&mut self, event: Event) {
        self.at(self.now, event);
    }

    fn note(&mut self, what: What) {
        self.history.note(micros(self.now), what);
    }

    fn happen(&mut self, event: Event) {
        if self.concerned(&event).is_some_and(|machine| self.machines[machine].stops > 0) {
            self.deferred.push(event);
            return;
        }
        match event {
            Event::Arrive { wire, side } => self.arrive(wire, side),
            Event::Accept { wire } => self.accept(wire),
            Event::Wake { machine, life, wire } if self.is_life(machine, life) => self.wake(machine, wire),
            Event::Dial { machine, life, place } if self.is_life(machine, life) => self.dial(machine, place),
            Event::Sync { machine, life } if self.is_life(machine, life) => self.sync(machine),
            Event::Tick { machine, life } if self.is_life(machine, life) => {
                self.sync(machine);
                self.at(self.now + SYNC, Event::Tick { machine, life });
            }
            Event::TakeOver { machine, life } if self.is_life(machine, life) => self.take_over(machine),
            Event::Wake { .. }
            | Event::Dial { .. }
            | Event::Tick { .. }
            | Event::Sync { .. }
            | Event::TakeOver { .. } => {}
            Event::Say { node, line, retries } => self.say(node, line, retries),
            Event::FaultBegins(fault) => self.break_something(fault),
            Event::FaultEnds(fault) => self.mend(fault),
            Event::Look => self.look(),
            Event::Rest => self.at_rest = self.machines.iter().map(|machine| machine.totals().0).collect(),
        }
    }

    /// The machine that does something at an event.
    fn concerned(&self, event: &Event) -> Option<usize> {
        match event {
            Event::Arrive { wire, side } => self.wires.get(wire).map(|wire| wire.machines[*side]),
            Event::Accept { wire } => self.wires.get(wire).map(|wire| wire.machines[1]),
            Event::Wake { machine, .. }
            | Event::Dial { machine, .. }
            | Event::Tick { machine, .. }
            | Event::Sync { machine, .. }
            | Event::TakeOver { machine, .. } => Some(*machine),
            Event::Say { node, .. } => Some(*node),
            Event::FaultBegins(_) | Event::FaultEnds(_) | Event::Look | Event::Rest => None,
        }
    }

    fn is_life(&self, machine: usize, life: u64) -> bool {
        let machine = &self.machines[machine];
        machine.process.is_some() && machine.lives == life
    }

    fn process(&mut self, machine: usize) -> &mut Process {
        self.machines[machine].process.as_mut().expect("a process that does something")
    }

    // Starting and ending.

    fn start(&mut self, machine: usize) {
        let (durability, limits) = (self.plan.durability, self.limits.clone());
        self.machines[machine].start(&self.names, durability, &limits, &mut self.rng);
        self.note(What::Up { node: machine });
        self.note_sequences(machine, 0);
        self.note_last_copies(machine);
        let life = self.machines[machine].lives;
        for place in 0..self.machines[machine].neighbours.len() {
            self.soon(Event::Dial { machine, life, place });
        }
        if durability != Durability::Memory {
            self.at(self.now + SYNC, Event::Tick { machine, life });
        }
        if durability == Durability::Always {
            // What was read back counts as not synced, and the first word of a neighbour asks for that.
            self.soon(Event::Sync { machine, life });
        }
    }

    /// Ends a process at once. Neighbours are told so by its machine, if that goes on.
    fn crash(&mut self, machine: usize, keeps: Keeps) {
        (self.machines[machine].said, self.machines[machine].stale) = self.machines[machine].totals();
        let known = self.machines[machine].known();
        let Some(process) = self.machines[machine].process.take() else { return };
        self.machines[machine].last_known = known;
        let was_degraded = process.is_degraded();
        for promised in process.promised {
            self.note(What::Info { op: promised.op });
        }
        for (wire, end) in process.ends {
            if matches!(keeps, Keeps::Disk | Keeps::Damaged) {
                self.send_end(wire, 1 - end.side);
            }
        }
        let disk = &self.machines[machine].disk;
        match keeps {
            Keeps::Disk => {}
            Keeps::Damaged => disk.damage(&mut self.rng),
            Keeps::Synced => disk.lose_unsynced(&mut self.rng),
            Keeps::Nothing => disk.lose_everything(),
        }
        self.machines[machine].boots += u64::from(matches!(keeps, Keeps::Synced | Keeps::Nothing));
        let keeps = if was_degraded { Keeps::Nothing } else { keeps };
        self.note(What::Down { node: machine, keeps });
    }

    /// Stops a process as a signal does: links say what was answered last, and the journal is closed.
    fn stop(&mut self, machine: usize) {
        if self.machines[machine].stops > 0 || self.machines[machine].process.is_none() {
            return;
        }
        if self.plan.durability != Durability::Memory {
            self.sync(machine);
        }
        let wires: Vec<u64> = self.process(machine).ends.keys().copied().collect();
        for wire in wires {
            self.wake(machine, wire);
            self.close(machine, wire, &LinkEnd::Stopping);
        }
        let process = self.process(machine);
        if !process.is_degraded()
            && let Some(journal) = process.journal.take()
        {
            // A journal that is not closed is as good as that of a process that was killed.
            let _ = journal.close(&mut process.node);
        }
        self.crash(machine, Keeps::Disk);
    }

    fn break_something(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        match fault.kind {
            FaultKind::Crash(machine, keeps) => return self.crash(machine, keeps),
            FaultKind::Restart(machine) => return self.stop(machine),
            FaultKind::Stop(machine) => self.machines[machine].stops += 1,
            FaultKind::Cut(one, other) => self.reset_between(one, other),
            FaultKind::Disk(machine) => self.machines[machine].disk.fail(true),
            FaultKind::Delay(..) | FaultKind::Hole(..) => {}
        }
        self.broken.begin(fault);
        let kind = format!("{:?}", fault.kind);
        let stops_answers = matches!(fault.kind, FaultKind::Stop(_));
        self.note(What::FaultBegins { fault: index as u64, kind, nodes: fault.kind.nodes(), stops_answers });
    }

    fn mend(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        match fault.kind {
            FaultKind::Crash(machine, _) | FaultKind::Restart(machine) => {
                if self.machines[machine].process.is_none() {
                    self.start(machine);
                }
                return;
            }
            FaultKind::Stop(machine) => self.machines[machine].stops -= 1,
            FaultKind::Disk(machine) => self.machines[machine].disk.fail(false),
            FaultKind::Hole(..) => {
                for (wire, side) in
                    self.wires.keys().copied().flat_map(|wire| [(wire, 0), (wire, 1)]).collect::<Vec<_>>()
                {
                    self.soon(Event::Arrive { wire, side });
                }
            }
            FaultKind::Delay(..) | FaultKind::Cut(..) => {}
        }
        self.broken.end(fault);
        self.note(What::FaultEnds { fault: index as u64 });
        for event in std::mem::take(&mut self.deferred) {
            self.soon(event);
        }
    }

    fn look(&mut self) {
        let mut sums = self.machines.iter().map(|machine| Some(machine.process.as_ref()?.node.table().sum()));
        let first = sums.next().flatten();
        if first.is_some() && sums.all(|sum| sum == first) {
            self.settled.get_or_insert(self.now);
        } else {
            self.settled = None;
        }
        if self.settled.is_none() {
            self.at(self.now + LOOK, Event::Look);
        }
    }

    // Clients.

    fn say(&mut self, node: usize, line: String, retries: bool) {
        self.next_op += 1;
        let op = self.next_op;
        self.note(What::Invoke { op, node, line: line.clone() });
        let now = self.machines[node].clock(self.now);
        let Some(process) = &mut self.machines[node].process else {
            self.note(What::Info { op });
            if retries {
                let node = self.machines[node].neighbours[0];
                self.at(self.now + RETRY, Event::Say { node, line, retries: false });
            }
            return;
        };
        let mut out = Vec::new();
        let head = process.node.table().head();
        let answered = process.node.answer(line.as_bytes(), now, &mut out);
        debug_assert_eq!(answered, Answer::Written);
        let answer = String::from_utf8_lossy(&out).lines().next().unwrap_or_default().to_owned();
        let sequence = process.node.table().head();
        self.changed(node, head);
        if self.plan.durability == Durability::Always && self.process(node).settled() < sequence {
            self.process(node).promised.push_back(Promised { sequence, op, answer });
        } else {
            self.note(What::Ok { op, answer });
        }
    }

    /// What a change of the table brings about: the journal is written, the disk waited for, and links say what is new.
    fn changed(&mut self, machine: usize, old_head: u64) {
        let process = self.machines[machine].process.as_mut().expect("a process that has changed");
        let failed =
            process.journal.as_mut().is_some_and(|journal| journal.write(&mut process.node).is_err());
        for (_, record) in process.node.table().changes_after(old_head) {
            (self.watch)(self.now, machine, &String::from_utf8_lossy(record.line()));
        }
        self.note_sequences(machine, old_head);
        let durability = self.plan.durability;
        let process = self.process(machine);
        let waits = durability == Durability::Always && process.node.table().head() > process.settled();
        let wires: Vec<u64> = process.ends.keys().copied().collect();
        let grown = process.node.table().head() > old_head;
        let life = self.machines[machine].lives;
        if waits && !std::mem::replace(&mut self.process(machine).syncing, true) {
            let at = self.now + DISK.mul_f64(self.rng.f64());
            self.at(at, Event::Sync { machine, life });
        }
        if grown {
            wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
        }
        if failed {
            self.settle(machine);
        }
    }

    /// Notes what a machine that has come back forgot, and no other knows.
    fn note_last_copies(&mut self, machine: usize) {
        for line in std::mem::take(&mut self.machines[machine].last_known) {
            let is_lost = Update::parse(&line)
                .is_some_and(|update| !self.machines.iter().any(|machine| machine.knows(&update)));
            if is_lost {
                let since = self.machines[machine].learned.get(&line).copied().unwrap_or_default();
                self.note(What::LastCopyLost { node: machine, line, since });
            }
        }
    }

    fn note_sequences(&mut self, machine: usize, since: u64) {
        for (sequence, was, is) in self.machines[machine].note_sequences(since, micros(self.now)) {
            self.note(What::SequenceReused { node: machine, sequence, was, is });
        }
    }

    // The disk.

    /// Waits for the disk, and begins to write the journal anew if that is worth it.
    fn sync(&mut self, machine: usize) {
        let process = self.process(machine);
        let Some(journal) = &mut process.journal else { return };
        process.syncing = false;
        if journal.failure().is_none() {
            match journal.log().clone().sync() {
                Ok(()) => process.synced = journal.written(),
                Err(error) => journal.fail(&mut process.node, &error),
            }
        }
        let begins = process.snapshot.is_none() && journal.wants_snapshot(&process.node, JOURNAL);
        if begins {
            process.snapshot = begin_snapshot(journal, &process.node).ok();
        }
        if process.snapshot.is_some() && begins {
            let after = SNAPSHOT.mul_f64(self.rng.f64());
            let life = self.machines[machine].lives;
            self.at(self.now + after, Event::TakeOver { machine, life });
        }
        self.settle(machine);
    }

    fn take_over(&mut self, machine: usize) {
        let process = self.process(machine);
        if let (Some(journal), Some(snapshot)) = (&mut process.journal, process.snapshot.take())
            && journal.take_over(snapshot, &process.node).is_ok()
        {
            process.synced = journal.written();
            self.settle(machine);
        }
    }

    /// What has been waited for on disk, or need not be waited for any more, may be told.
    fn settle(&mut self, machine: usize) {
        let always = self.plan.durability == Durability::Always;
        let life = self.machines[machine].lives;
        let process = self.process(machine);
        let settled = process.settled();
        let kept = process.promised.partition_point(|promised| promised.sequence <= settled);
        let kept: Vec<Promised> = process.promised.drain(..kept).collect();
        kept.into_iter()
            .for_each(|promised| self.note(What::Ok { op: promised.op, answer: promised.answer }));
        if always {
            let process = self.process(machine);
            process.node.withhold_after(settled);
            let wires: Vec<u64> = process.ends.keys().copied().collect();
            wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
        }
    }

    // Connections.

    fn dial(&mut self, machine: usize, place: usize) {
        let (process, other) = (self.process(machine), place);
        let id = process.neighbour_id(other);
        if process.node.is_linked(id) {
            process.dialling[place] = Dialling::Linked;
            return;
        }
        process.dialling[place] = Dialling::Busy;
        let to = self.machines[machine].neighbours[place];
        let there = self.latency(machine, to);
        if self.broken.is_hole(machine, to) || self.broken.is_hole(to, machine) {
            return self.dial_again(machine, place, self.limits.link_silence);
        }
        if self.broken.is_cut(machine, to) || self.machines[to].process.is_none() {
            return self.dial_again(machine, place, there);
        }
        self.next_wire += 1;
        let wire = self.next_wire;
        let lives = [self.machines[machine].lives, self.machines[to].lives];
        self.wires.insert(wire, Wire::new([machine, to], lives, self.plan.window));
        self.add_end(machine, wire, 0, Some(place));
        self.at(self.now + there, Event::Accept { wire });
    }

    fn dial_again(&mut self, machine: usize, place: usize, after: Duration) {
        let random = self.rng.u64(..);
        let process = self.process(machine);
        let wait = process.node.next_dial(process.neighbour_id(place), random);
        let life = self.machines[machine].lives;
        self.at(self.now + after + wait, Event::Dial { machine, life, place });
    }

    fn accept(&mut self, wire: u64) {
        let Some(found) = self.wires.get(&wire) else { return };
        let (machine, life) = (found.machines[1], found.lives[1]);
        if self.is_life(machine, life) {
            self.add_end(machine, wire, 1, None);
            self.soon(Event::Arrive { wire, side: 1 });
        } else {
            self.send_end(wire, 0);
        }
    }

    fn add_end(&mut self, machine: usize, wire: u64, side: usize, dialled: Option<usize>) {
        let now = self.now;
        let lines = Lines::new(self.limits.link_line_bytes);
        let process = self.process(machine);
        let link = match dialled {
            Some(place) => Link::dialled(LinkId(wire), process.neighbour_id(place), now),
            None => Link::accepted(LinkId(wire), now),
        };
        let end = End { link, dialled, side, lines, out: Vec::new(), sent: 0, wake: Duration::MAX };
        process.ends.insert(wire, end);
        let life = self.machines[machine].lives;
        self.soon(Event::Wake { machine, life, wire });
    }

    /// Lets an end look after its link: says what is due, and when to be woken again.
    fn wake(&mut self, machine: usize, wire: u64) {
        let now = self.now;
        loop {
            let Machine { process, memory, .. } = &mut self.machines[machine];
            let process = process.as_mut().expect("a process that wakes");
            let Some(end) = process.ends.get_mut(&wire) else { return };
            let mut result = end.link.check_alive(&process.node, now);
            if result.is_ok() && end.sent == end.out.len() {
                end.out.clear();
                end.sent = 0;
                result = end.link.transmit(&mut process.node, now, &mut end.out);
                self.messages += u64::from(!end.out.is_empty());
                *memory = (*memory).max(end.out.len());
            }
            if let Err(reason) = result {
                return self.close(machine, wire, &reason);
            }
            if self.send(machine, wire) == 0 {
                break;
            }
        }
        let process = self.process(machine);
        let Some(end) = process.ends.get_mut(&wire) else { return };
        let deadline = end.link.deadline(&process.node, end.sent < end.out.len());
        // A wake-up that is on its way will do, unless it comes too late.
        if end.wake <= now || deadline < end.wake {
            end.wake = deadline;
            let life = self.machines[machine].lives;
            self.at(deadline, Event::Wake { machine, life, wire });
        }
    }

    /// Sends as much as the wire takes of what an end has to say. Returns how many bytes that was.
    fn send(&mut self, machine: usize, wire: u64) -> usize {
        let Some(end) =
            self.machines[machine].process.as_mut().and_then(|process| process.ends.get_mut(&wire))
        else {
            return 0;
        };
        let Some(way) = self.wires.get_mut(&wire) else { return 0 };
        let to = 1 - end.side;
        let (from, towards) = (way.machines[end.side], way.machines[to]);
        let delay = self.broken.delay(from, towards);
        let (now, plan, mut chance) = (self.now, self.plan, self.rng.fork());
        let arrival = || now + plan.latency + plan.jitter.mul_f64(chance.f64()) + delay;
        let (sent, times) = way.send(to, &end.out[end.sent..], arrival, &mut self.rng);
        end.sent += sent;
        times.into_iter().for_each(|at| self.at(at, Event::Arrive { wire, side: to }));
        sent
    }

    fn send_end(&mut self, wire: u64, to: usize) {
        let Some(way) = self.wires.get(&wire) else { return };
        let at = self.now + self.latency(way.machines[0], way.machines[1]);
        if let Some(way) = self.wires.get_mut(&wire) {
            let at = way.end(to, at);
            self.at(at, Event::Arrive { wire, side: to });
        }
    }

    fn latency(&mut self, one: usize, other: usize) -> Duration {
        let Plan { latency, jitter, .. } = self.plan;
        *latency + jitter.mul_f64(self.rng.f64()) + self.broken.delay(one, other)
    }

    /// Takes what has arrived at one side of a wire.
    fn arrive(&mut self, wire: u64, side: usize) {
        let now = self.now;
        let Some(way) = self.wires.get_mut(&wire) else { return };
        let (machine, from) = (way.machines[side], way.machines[1 - side]);
        if self.broken.is_hole(from, machine) {
            return;
        }
        let (lives, was_full) = (way.lives, way.is_full(side));
        if !self.machines[machine].process.as_ref().is_some_and(|process| process.ends.contains_key(&wire)) {
            // Not accepted yet, or closed already: nobody reads.
            return;
        }
        let Some(piece) = self.wires.get_mut(&wire).and_then(|way| way.receive(side, now)) else { return };
        piece.hash(&mut self.trace);
        match piece {
            Piece::Bytes(bytes) => self.take(machine, wire, &bytes),
            Piece::End => {
                self.close(machine, wire, &LinkEnd::Connection("closed by the neighbour".to_owned()));
            }
        }
        if was_full {
            let life = lives[1 - side];
            self.soon(Event::Wake { machine: from, life, wire });
        }
        // There may be more that arrived at the same time.
        self.soon_if_more(wire, side);
    }

    fn soon_if_more(&mut self, wire: u64, side: usize) {
        let now = self.now;
        if self.wires.get(&wire).is_some_and(|way| way.has_arrived(side, now)) {
            self.soon(Event::Arrive { wire, side });
        }
    }

    /// Takes bytes from a neighbour, as many lines of them as are whole.
    fn take(&mut self, machine: usize, wire: u64, bytes: &[u8]) {
        let now = self.now;
        let process = self.process(machine);
        let head = process.node.table().head();
        let Some(end) = process.ends.get_mut(&wire) else { return };
        end.lines.room().extend_from_slice(bytes);
        let (mut result, mut up) = (Ok(()), false);
        while let Some(piece) = end.lines.next_line() {
            let LinePiece::Line(line) = piece else {
                result = Err(LinkEnd::Framing("a line too long for a link".to_owned()));
                break;
            };
            match end.link.receive(&mut process.node, line, now) {
                Ok(Some(LinkEvent::Up { .. })) => up = true,
                Ok(
                    None
                    | Some(
                        LinkEvent::Update(Outcome::Fresh | Outcome::Stale)
                        | LinkEvent::Synced
                        | LinkEvent::Unacceptable,
                    ),
                ) => {}
                Err(reason) => {
                    result = Err(reason);
                    break;
                }
            }
        }
        self.changed(machine, head);
        let life = self.machines[machine].lives;
        match result {
            Err(reason) => self.close(machine, wire, &reason),
            Ok(()) if up => {
                // One of the other links may have been replaced by this one.
                let wires: Vec<u64> = self.process(machine).ends.keys().copied().collect();
                wires.into_iter().for_each(|wire| self.soon(Event::Wake { machine, life, wire }));
            }
            Ok(()) => self.soon(Event::Wake { machine, life, wire }),
        }
    }

    /// Closes one end, and sees to it that there is a link again.
    fn close(&mut self, machine: usize, wire: u64, reason: &LinkEnd) {
        let life = self.machines[machine].lives;
        let process = self.process(machine);
        let Some(mut end) = process.ends.remove(&wire) else { return };
        let rest = end.sent;
        end.link.close(&mut process.node, reason, &mut end.out);
        let neighbour = end.link.neighbour().map(|id| process.neighbour(id));
        let unlinked: Vec<usize> = (0..process.dialling.len())
            .filter(|place| {
                process.dialling[*place] == Dialling::Linked
                    && !process.node.is_linked(process.neighbour_id(*place))
            })
            .collect();
        for place in &unlinked {
            process.dialling[*place] = Dialling::Busy;
        }
        if let Some(neighbour) = neighbour.filter(|_| end.link.is_complete() && *reason != LinkEnd::Duplicate)
        {
            let neighbour = self.machines[machine].neighbours[neighbour];
            self.note(What::LinkDown { node: machine, neighbour, reason: reason.to_string() });
        }
        let to = 1 - end.side;
        let at = self.now + self.plan.latency;
        if let Some(way) = self.wires.get_mut(&wire) {
            let (_, times) = way.send(to, &end.out[rest..], || at, &mut self.rng);
            times.into_iter().for_each(|at| self.at(at, Event::Arrive { wire, side: to }));
        }
        self.send_end(wire, to);
        unlinked.into_iter().for_each(|place| self.soon(Event::Dial { machine, life, place }));
        if let Some(place) = end.dialled {
            self.dial_again(machine, place, Duration::ZERO);
        }
    }

    /// Resets all connections between two machines.
    fn reset_between(&mut self, one: usize, other: usize) {
        let between = |way: &Wire| way.machines == [one, other] || way.machines == [other, one];
        let wires: Vec<u64> =
            self.wires.iter().filter(|(_, way)| between(way)).map(|(wire, _)| *wire).collect();
        for wire in wires {
            let Some(way) = self.wires.remove(&wire) else { continue };
            for side in 0..2 {
                let machine = way.machines[side];
                if self.is_life(machine, way.lives[side]) && self.process(machine).ends.contains_key(&wire) {
                    self.close(machine, wire, &LinkEnd::Connection("reset".to_owned()));
                }
            }
        }
    }
}

fn begin_snapshot(journal: &mut Journal<SimDisk>, node: &Node) -> io::Result<Snapshot<SimFile>> {
    let mut snapshot = journal.begin_snapshot(node)?;
    snapshot.collect(node);
    snapshot.append()?;
    Ok(snapshot)
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
