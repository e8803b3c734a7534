//! The world around simulated nodes. Where `herd::server` has sockets, tasks, clocks and a disk,
//! the world has a queue of events in virtual time.

mod backbone;
mod clients;
mod connections;
mod disk_io;
mod event;
mod faults;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use fastrand::Rng;
use herd::node::Limits;

use super::SimulatedRun;
use super::active_faults::ActiveFaults;
use super::disk::SimDisk;
use super::leap::LEAP;
use super::plan::Plan;
use super::process::{Process, SimMachine};
use super::wire::Wire;
use crate::oracle::{Ending, EventKind, History, Setting, Source};
use backbone::Backbone;
pub(super) use backbone::TRIP;
use disk_io::DISK;
pub(super) use disk_io::SYNC;
use event::Event;

/// The length at which journals are compacted, in bytes: so small that compaction happens in runs.
const JOURNAL: u64 = 600;

/// The time in which a live node must answer. It answers at once or after a disk operation.
const PATIENCE: Duration = Duration::from_millis(50);

/// The time for which the herd must be at rest after it has had its time to settle.
const REST: Duration = Duration::from_millis(900);

/// The time between two checks whether all nodes agree, after the last fault.
const CONVERGENCE_CHECK: Duration = Duration::from_millis(20);

/// The numbers of events, and of events for each link and second, after which a run is ended,
/// because it must be flooding forever. The links of a healthy herd have some 120 events a second.
const MOST_EVENTS: u64 = 500_000;
const MOST_LINK_EVENTS: u64 = 1_000;

/// The largest difference between two clocks, in nanoseconds.
const CLOCKS: u64 = 200_000_000;

pub(super) struct World<'a> {
    plan: &'a Plan,
    limits: Limits,
    now: Duration,
    queue: BTreeMap<(Duration, u64), Event>,
    events: u64,
    rng: Rng,
    names: Vec<String>,
    machines: Vec<SimMachine>,
    wires: BTreeMap<u64, Wire>,
    next_wire: u64,
    next_op: u64,
    active_faults: ActiveFaults,
    /// The events of stopped machines, which happen when a fault ends.
    deferred: Vec<Event>,
    history: History,
    trace: DefaultHasher,
    settled: Option<Duration>,
    /// The number of updates that each machine had sent when the trees had to be whole, and when it
    /// had to be at rest.
    sent_before_calm: Vec<u64>,
    sent_before_rest: Vec<u64>,
    messages: u64,
    backbone: Backbone,
    learned: Learned<'a>,
}

/// A function that is called for each update that a machine learns, with the time, the machine's
/// index and the AT line.
pub(super) type Learned<'a> = &'a mut dyn FnMut(Duration, usize, &str);

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan, learned: Learned<'a>) -> World<'a> {
        let mut rng = Rng::with_seed(plan.seed ^ 0x5EED);
        let names: Vec<String> = (0..plan.nodes).map(|node| format!("N{node:02}")).collect();
        let edges = plan.edges();
        let neighbours = |node: usize| {
            let other = |&(low, high): &(usize, usize)| match node {
                _ if node == low => Some(high),
                _ if node == high => Some(low),
                _ => None,
            };
            edges.iter().filter_map(other).collect()
        };
        let machine = |(node, name): (usize, &String)| SimMachine {
            name: name.clone(),
            neighbours: neighbours(node),
            disk: SimDisk::default(),
            clock: rng.u64(..=CLOCKS),
            boots: 0,
            lives: 0,
            process: None,
            stops: 0,
            sent: 0,
            stale: 0,
            memory: 0,
            sequences: BTreeMap::new(),
            learned: BTreeMap::new(),
            last_known: Vec::new(),
        };
        let machines = names.iter().enumerate().map(machine).collect();
        let limits = limits_of(plan);
        let setting = Setting {
            nodes: names.clone(),
            edges: edges.len(),
            entries: plan.entries(),
            durability: plan.durability,
            source: Source::Simulation,
            patience: micros(PATIENCE),
            memory: 2 * limits.link_batch_bytes as u64,
            divided: false,
            calm: plan.calm.map(micros),
            leap: plan.leap_of_history(),
            command: plan.command(),
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
            active_faults: ActiveFaults::default(),
            deferred: Vec::new(),
            history: History::new(setting),
            trace: DefaultHasher::new(),
            settled: None,
            sent_before_calm: Vec::new(),
            sent_before_rest: Vec::new(),
            messages: 0,
            backbone: Backbone::new(plan),
            learned,
        }
    }

    /// Runs the plan, and lets the herd settle.
    pub(super) fn run_to_end(mut self) -> SimulatedRun {
        for machine in 0..self.machines.len() {
            self.start(machine);
        }
        for (index, fault) in self.plan.faults.iter().enumerate() {
            self.schedule(fault.from, Event::FaultBegins(index));
            self.schedule(fault.until, Event::FaultEnds(index));
        }
        self.schedule_backbone_faults();
        for op in &self.plan.ops {
            self.schedule(op.at, Event::ClientLine { node: op.node, line: op.line.clone(), retries: true });
        }
        let end = self.plan.end + self.plan.time_to_settle(&self.limits, DISK) + REST;
        self.schedule(self.plan.end, Event::CheckConvergence);
        self.schedule(end - REST, Event::Rest);
        if let Some(leap) = self.plan.leap {
            self.schedule(leap, Event::Leap);
        }
        if let Some(calm) = self.plan.calm {
            self.schedule(calm, Event::Calm);
        }
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if at > end || self.is_flooding_forever() {
                break;
            }
            self.now = at;
            (at, &event).hash(&mut self.trace);
            self.handle(event);
        }
        self.finish()
    }

    fn is_flooding_forever(&self) -> bool {
        let links = self.history.setting.edges as u64;
        self.events > MOST_EVENTS.max(MOST_LINK_EVENTS * links * self.now.as_secs())
    }

    fn finish(mut self) -> SimulatedRun {
        let restless = self.is_flooding_forever();
        for (node, machine) in self.machines.iter().enumerate() {
            let (sent, stale) = machine.totals();
            // A run that was ended early has never been at rest.
            let restless = u64::from(restless);
            let sent_before_calm = self.sent_before_calm.get(node).copied().unwrap_or_default();
            let sent_before_rest = self.sent_before_rest.get(node).copied().unwrap_or_default();
            self.history.endings.push(Ending {
                lines: self.lines_from(node),
                not_on_disk: machine.not_on_disk(),
                sent,
                sent_when_calm: sent - sent_before_calm,
                stale,
                sent_at_rest: restless + sent - sent_before_rest,
                memory: machine.memory as u64,
            });
        }
        SimulatedRun {
            history: self.history,
            trace: self.trace.finish(),
            settled: self.settled.map(|at| at - self.plan.end),
            messages: self.messages,
        }
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), event);
    }

    fn schedule_now(&mut self, event: Event) {
        self.schedule(self.now, event);
    }

    fn add_event(&mut self, kind: EventKind) {
        self.history.add(micros(self.now), kind);
    }

    fn handle(&mut self, event: Event) {
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
            Event::Install { machine, life } if self.is_life(machine, life) => self.install_snapshot(machine),
            Event::Tick { machine, life } if self.is_life(machine, life) => {
                let clock = self.machines[machine].clock(self.now);
                while self.process(machine).node.forget_old(clock) {}
                self.maintain_journal(machine);
                self.schedule(self.now + SYNC, Event::Tick { machine, life });
            }
            Event::FinishSnapshot { machine, life } if self.is_life(machine, life) => {
                self.finish_snapshot(machine);
            }
            Event::Wake { .. }
            | Event::Dial { .. }
            | Event::Tick { .. }
            | Event::Written { .. }
            | Event::Synced { .. }
            | Event::FinishSnapshot { .. }
            | Event::Install { .. } => {}
            Event::ClientLine { node, line, retries } => self.send_line(node, line, retries),
            Event::FaultBegins(fault) => self.begin_fault(fault),
            Event::FaultEnds(fault) => self.end_fault(fault),
            Event::CheckConvergence => self.check_convergence(),
            Event::Leap => {
                self.machines.iter_mut().for_each(|machine| machine.clock += LEAP);
            }
            Event::Calm => self.sent_before_calm = self.sent(),
            Event::Rest => self.sent_before_rest = self.sent(),
            Event::Backbone(event) => self.handle_backbone(event),
        }
    }

    /// The number of updates that each machine has sent.
    fn sent(&self) -> Vec<u64> {
        self.machines.iter().map(|machine| machine.totals().0).collect()
    }

    /// Returns whether this process of a machine still runs.
    fn is_life(&self, machine: usize, life: u64) -> bool {
        let machine = &self.machines[machine];
        machine.process.is_some() && machine.lives == life
    }

    fn process(&mut self, machine: usize) -> &mut Process {
        self.machines[machine].process.as_mut().expect("an event of a process is handled only while it runs")
    }
}

fn limits_of(plan: &Plan) -> Limits {
    Limits {
        journal_bytes: JOURNAL,
        bulk_sync: plan.bulk_sync,
        forget_after: plan.forgets_after(),
        ..Limits::default()
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
