//! The shell around simulated nodes: what `herd`'s server does with sockets, tasks, clocks and a disk is done here with
//! a queue of events in virtual time.

mod clients;
mod connections;
mod disk_io;
mod faults;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use fastrand::Rng;
use herd::node::Limits;

use super::Ran;
use super::disk::SimDisk;
use super::network::Broken;
use super::plan::Plan;
use super::process::{Machine, Process};
use super::wire::Wire;
use crate::oracle::{Ending, History, Setting, Source, What};
use disk_io::{DISK, SYNC};

/// Journals are compacted when they are longer than so many bytes, so that it happens.
const JOURNAL: u64 = 600;

/// Live nodes answer at once; or after the disk.
const PATIENCE: Duration = Duration::from_millis(50);

/// Once the herd has had its time to settle, it must be at rest for this long.
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
    /// What was collected for the journal is in its file.
    Written {
        machine: usize,
        life: u64,
    },
    /// The disk has what was written.
    Synced {
        machine: usize,
        life: u64,
    },
    /// A snapshot is finished.
    TakeOver {
        machine: usize,
        life: u64,
    },
    /// A snapshot takes the place of the journal.
    Install {
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
        let limits = Limits { journal_bytes: JOURNAL, bulk_sync: plan.bulk_sync, ..Limits::default() };
        let setting = Setting {
            nodes: names.clone(),
            edges: edges.len(),
            durability: plan.durability,
            source: Source::Simulation,
            patience: micros(PATIENCE),
            memory: 2 * limits.link_batch_bytes as u64,
            again: plan.command(),
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
        let end = self.plan.end + self.plan.settles(&self.limits, DISK) + REST;
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
            Event::Written { machine, life } if self.is_life(machine, life) => self.written(machine),
            Event::Synced { machine, life } if self.is_life(machine, life) => self.synced(machine),
            Event::Install { machine, life } if self.is_life(machine, life) => self.install(machine),
            Event::Tick { machine, life } if self.is_life(machine, life) => {
                self.look_after_journal(machine);
                self.at(self.now + SYNC, Event::Tick { machine, life });
            }
            Event::TakeOver { machine, life } if self.is_life(machine, life) => self.take_over(machine),
            Event::Wake { .. }
            | Event::Dial { .. }
            | Event::Tick { .. }
            | Event::Written { .. }
            | Event::Synced { .. }
            | Event::TakeOver { .. }
            | Event::Install { .. } => {}
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
            | Event::Written { machine, .. }
            | Event::Synced { machine, .. }
            | Event::TakeOver { machine, .. }
            | Event::Install { machine, .. } => Some(*machine),
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
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
