//! Runs a plan against a herd on a simulated network.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use herd::ambient;
use turmoil::{Builder, Sim};

use super::clients::{Clients, settle};
use super::host::Host;
use super::link_faults;
use super::{PATIENCE, SETTLES};
use crate::oracle::{Ending, EventKind, History, Keeps, Setting, Source};
use crate::sim::plan::{EPOCH, FaultKind, Plan};

/// The bounds of a tick of the simulated clock, which should be shorter than the latency.
const TICK: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(10);

/// The most connections of a host that wait to be accepted, and the most segments that wait to be
/// read. A run never has that many.
const CAPACITY: usize = 4096;

/// The result of a run.
#[derive(Debug)]
pub(super) struct TurmoilRun {
    /// The history, for the oracle.
    pub(super) history: History,
    /// The time from the last operation until all nodes agreed; `None` if they never did.
    pub(super) settled: Option<Duration>,
}

/// Runs a plan, with the nodes' data in `folder`. `command` repeats the run.
///
/// # Errors
/// A node cannot be started, or panics.
pub(super) fn run_plan(plan: &Plan, command: &str, folder: &Path) -> Result<TurmoilRun> {
    ambient::seed(plan.seed);
    fastrand::seed(plan.seed);
    let mut world = World::new(plan, command, folder);
    world.run_to_end().map_err(|error| anyhow!("{error}"))
}

/// The state of a run.
struct World<'a> {
    plan: &'a Plan,
    sim: Sim<'a>,
    hosts: Vec<Rc<Host>>,
    /// For each node: whether it has ended and has not been started again.
    down: Vec<bool>,
    history: Rc<RefCell<History>>,
    /// The beginnings and ends of faults, in the order of their times.
    due: Vec<(Duration, Change)>,
}

/// The beginning or the end of a fault, by its index in the plan.
#[derive(Clone, Copy, Debug)]
enum Change {
    Begins(usize),
    Ends(usize),
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, command: &str, folder: &Path) -> World<'a> {
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
            entries: 0,
            durability: plan.durability,
            source: Source::Processes,
            patience: PATIENCE.as_micros() as u64,
            memory: u64::MAX,
            divided: false,
            calm: None,
            leap: None,
            command: command.to_owned(),
        })));
        let hosts: Vec<Rc<Host>> =
            (0..plan.nodes).map(|node| Rc::new(Host::new(node, &names, &edges, plan, folder))).collect();
        for host in &hosts {
            let host = Rc::clone(host);
            sim.host(host.name.clone(), move || Rc::clone(&host).run_node());
        }
        let mut due: Vec<(Duration, Change)> = Vec::new();
        for (index, fault) in plan.faults.iter().enumerate() {
            if !matches!(fault.kind, FaultKind::Disk(_) | FaultKind::Syncs(_)) {
                due.extend([(fault.from, Change::Begins(index)), (fault.until, Change::Ends(index))]);
            }
        }
        due.sort_by_key(|(at, _)| *at);
        World { plan, sim, hosts, down: vec![false; plan.nodes], history, due }
    }

    fn run_to_end(&mut self) -> Result<TurmoilRun, Box<dyn std::error::Error>> {
        for node in 0..self.hosts.len() {
            self.add_event(EventKind::Up { node });
        }
        let clients = Rc::new(Clients::new(self.plan, &self.hosts, Rc::clone(&self.history)));
        self.sim.client(link_faults::CLIENTS, clients.send_lines());
        let mut due = std::mem::take(&mut self.due).into_iter().peekable();
        let mut over = false;
        while !over || due.peek().is_some() {
            while let Some((_, change)) = due.next_if(|(at, _)| *at <= self.sim.elapsed()) {
                match change {
                    Change::Begins(index) => self.begin_fault(index),
                    Change::Ends(index) => self.end_fault(index),
                }
            }
            over = self.sim.step()?;
        }
        let known = Rc::new(RefCell::new((Vec::new(), None)));
        self.sim.client("judge", settle(Rc::clone(&clients), Rc::clone(&known)));
        while !self.sim.step()? {}
        let (lines, settled) = known.take();
        let mut history = self.history.borrow().clone();
        history.endings = lines.into_iter().map(|lines| Ending { lines, ..Ending::default() }).collect();
        Ok(TurmoilRun { history, settled })
    }

    fn add_event(&self, kind: EventKind) {
        self.history.borrow_mut().add(self.sim.elapsed().as_micros() as u64, kind);
    }

    fn begin_fault(&mut self, index: usize) {
        let kind = self.plan.faults[index].kind;
        let (fault, nodes) = (index as u64, kind.nodes());
        let name = link_faults::fault_name(kind).to_owned();
        let stops_answers = matches!(kind, FaultKind::Stop(_));
        self.add_event(EventKind::FaultBegins { fault, kind: name, nodes, stops_answers });
        match kind {
            FaultKind::Crash(node, keeps) => self.crash(node, keeps),
            FaultKind::Restart(node) => self.hosts[node].stop(),
            kind => link_faults::begin(&self.sim, &self.hosts, kind),
        }
    }

    fn end_fault(&mut self, index: usize) {
        match self.plan.faults[index].kind {
            FaultKind::Crash(node, _) | FaultKind::Restart(node) => self.start(node),
            kind => link_faults::end(&self.sim, &self.hosts, self.plan, kind),
        }
        self.add_event(EventKind::FaultEnds { fault: index as u64 });
    }

    /// Crashes a node.
    fn crash(&mut self, node: usize, keeps: Keeps) {
        if !self.down[node] {
            let host = Rc::clone(&self.hosts[node]);
            self.sim.crash(host.name.as_str());
            self.down[node] = true;
            self.add_event(EventKind::Down { node, keeps: host.after_crash(keeps) });
        }
    }

    /// Starts a node that has crashed or has been asked to stop. A node that is still stopping is
    /// crashed first.
    fn start(&mut self, node: usize) {
        let host = Rc::clone(&self.hosts[node]);
        if host.is_stopping() {
            self.crash(node, Keeps::Disk);
        }
        if self.down[node] {
            self.sim.bounce(host.name.as_str());
            self.down[node] = false;
            self.add_event(EventKind::Up { node });
        }
    }
}
