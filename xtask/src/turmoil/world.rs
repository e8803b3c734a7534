//! A herd on a simulated network, while things happen to it.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use herd::ambient;
use turmoil::{Builder, Sim};

use super::clients::{Clients, settle};
use super::machine::Machine;
use super::network;
use super::{PATIENCE, SETTLES};
use crate::oracle::{Ending, History, Keeps, Setting, Source, What};
use crate::sim::plan::{EPOCH, FaultKind, Plan};

/// A simulated clock goes on by so much at a time: less than messages take, or little.
const TICK: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(10);

/// Connections of a host that wait to be accepted, and segments that wait to be read: more than there ever are.
const CAPACITY: usize = 4096;

/// What happened in a run.
#[derive(Debug)]
pub(super) struct Ran {
    /// All of it.
    pub(super) history: History,
    /// How long after the last client all nodes knew the same; `None` if they never did.
    pub(super) settled: Option<Duration>,
}

/// Runs a plan, with what nodes keep in `folder`.
///
/// # Errors
/// A node cannot be started, or panics.
pub(super) fn run(plan: &Plan, again: &str, folder: &Path) -> Result<Ran> {
    ambient::seed(plan.seed);
    fastrand::seed(plan.seed);
    let mut world = World::new(plan, again, folder);
    world.run().map_err(|error| anyhow!("{error}"))
}

/// A run.
struct World<'a> {
    plan: &'a Plan,
    sim: Sim<'a>,
    machines: Vec<Rc<Machine>>,
    /// By node: whether it has ended, and not been started again.
    down: Vec<bool>,
    history: Rc<RefCell<History>>,
    /// What is broken or mended next, in the order of times.
    due: Vec<(Duration, Change)>,
}

/// Something that happens to nodes or links.
#[derive(Clone, Copy, Debug)]
enum Change {
    Begins(usize),
    Ends(usize),
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, again: &str, folder: &Path) -> World<'a> {
        let mut sim = Builder::new()
            .epoch(UNIX_EPOCH + Duration::from_secs(EPOCH))
            .rng_seed(plan.seed)
            .simulation_duration(plan.end + 2 * SETTLES + PATIENCE)
            .tick_duration((plan.latency / 4).clamp(TICK.start, TICK.end))
            .min_message_latency(plan.latency)
            .max_message_latency(plan.latency + plan.jitter)
            .tcp_capacity(CAPACITY)
            .enable_random_order()
            .build();
        let names: Vec<String> = (0..plan.nodes).map(|node| format!("N{node:02}")).collect();
        let edges = plan.graph.edges(plan.nodes);
        let history = Rc::new(RefCell::new(History::new(Setting {
            nodes: names.clone(),
            edges: edges.len(),
            durability: plan.durability,
            source: Source::Processes,
            patience: PATIENCE.as_micros() as u64,
            memory: u64::MAX,
            again: again.to_owned(),
        })));
        let machines: Vec<Rc<Machine>> =
            (0..plan.nodes).map(|node| Rc::new(Machine::new(node, &names, &edges, plan, folder))).collect();
        for machine in &machines {
            let (name, machine) = (machine.name.clone(), Rc::clone(machine));
            sim.host(name, move || Rc::clone(&machine).live());
        }
        let mut due: Vec<(Duration, Change)> = Vec::new();
        for (index, fault) in plan.faults.iter().enumerate() {
            if !matches!(fault.kind, FaultKind::Disk(_) | FaultKind::Syncs(_)) {
                due.extend([(fault.from, Change::Begins(index)), (fault.until, Change::Ends(index))]);
            }
        }
        due.sort_by_key(|(at, _)| *at);
        World { plan, sim, machines, down: vec![false; plan.nodes], history, due }
    }

    fn run(&mut self) -> Result<Ran, Box<dyn std::error::Error>> {
        for node in 0..self.machines.len() {
            self.note(What::Up { node });
        }
        let clients = Rc::new(Clients::new(self.plan, &self.machines, Rc::clone(&self.history)));
        self.sim.client("clients", clients.talk());
        let mut due = std::mem::take(&mut self.due).into_iter().peekable();
        let mut over = false;
        while !over || due.peek().is_some() {
            while let Some((_, change)) = due.next_if(|(at, _)| *at <= self.sim.elapsed()) {
                self.change(change);
            }
            over = self.sim.step()?;
        }
        let known = Rc::new(RefCell::new((Vec::new(), None)));
        self.sim.client("judge", settle(Rc::clone(&clients), Rc::clone(&known)));
        while !self.sim.step()? {}
        let (lines, settled) = known.take();
        let mut history = self.history.borrow().clone();
        history.endings = lines.into_iter().map(|lines| Ending { lines, ..Ending::default() }).collect();
        Ok(Ran { history, settled })
    }

    fn note(&self, what: What) {
        self.history.borrow_mut().note(self.sim.elapsed().as_micros() as u64, what);
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Begins(index) => self.begin(index),
            Change::Ends(index) => self.end(index),
        }
    }

    fn begin(&mut self, index: usize) {
        let kind = self.plan.faults[index].kind;
        let (fault, nodes) = (index as u64, kind.nodes());
        let name = network::name(kind).to_owned();
        let stops_answers = matches!(kind, FaultKind::Stop(_));
        self.note(What::FaultBegins { fault, kind: name, nodes, stops_answers });
        match kind {
            FaultKind::Crash(node, keeps) => self.crash(node, keeps),
            FaultKind::Restart(node) => self.machines[node].stop(),
            kind => network::break_links(&self.sim, &self.machines, kind),
        }
    }

    fn end(&mut self, index: usize) {
        match self.plan.faults[index].kind {
            FaultKind::Crash(node, _) | FaultKind::Restart(node) => self.start(node),
            kind => network::mend_links(&self.sim, &self.machines, self.plan, kind),
        }
        self.note(What::FaultEnds { fault: index as u64 });
    }

    /// Ends a node at once. What it keeps is its disk, or nothing.
    fn crash(&mut self, node: usize, keeps: Keeps) {
        if !self.down[node] {
            let machine = Rc::clone(&self.machines[node]);
            self.sim.crash(machine.name.as_str());
            self.down[node] = true;
            self.note(What::Down { node, keeps: machine.after_crash(keeps) });
        }
    }

    /// Starts a node that has crashed or been told to stop; one that still does so is ended first.
    fn start(&mut self, node: usize) {
        let machine = Rc::clone(&self.machines[node]);
        if machine.is_stopping() {
            self.crash(node, Keeps::Disk);
        }
        if self.down[node] {
            self.sim.bounce(machine.name.as_str());
            self.down[node] = false;
            self.note(What::Up { node });
        }
    }
}
