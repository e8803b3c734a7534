//! What a plan's faults do to a simulated network.

use std::rc::Rc;
use std::time::Duration;

use turmoil::Sim;

use super::machine::Machine;
use crate::sim::plan::{FaultKind, Plan};

/// The host that clients are on.
pub(super) const CLIENTS: &str = "clients";

/// What a fault is called in a history.
pub(super) fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Delay(..) => "delay",
        FaultKind::Cut(..) => "partition",
        FaultKind::Hole(..) => "black-hole",
        FaultKind::Stop(_) => "pause",
        FaultKind::Crash(..) => "kill",
        FaultKind::Restart(_) => "rolling",
        FaultKind::Disk(_) => "disk-full",
        FaultKind::Syncs(_) => "sync-fails",
    }
}

/// Breaks what a fault breaks of the network.
pub(super) fn break_links(sim: &Sim<'_>, machines: &[Rc<Machine>], kind: FaultKind) {
    let name = |node: usize| machines[node].name.as_str();
    match kind {
        FaultKind::Delay(one, other, delay) => set_latency(sim, name(one), name(other), delay),
        // What is on its way is lost for good, and the connection with it; both find out by silence.
        FaultKind::Cut(one, other) => sim.partition(name(one), name(other)),
        FaultKind::Hole(one, other) => sim.partition_oneway(name(one), name(other)),
        FaultKind::Stop(node) => others(machines, node).for_each(|other| sim.hold(name(node), other)),
        FaultKind::Crash(..) | FaultKind::Restart(_) | FaultKind::Disk(_) | FaultKind::Syncs(_) => {}
    }
}

/// Mends that.
pub(super) fn mend_links(sim: &Sim<'_>, machines: &[Rc<Machine>], plan: &Plan, kind: FaultKind) {
    let name = |node: usize| machines[node].name.as_str();
    match kind {
        FaultKind::Delay(one, other, _) => set_latency(sim, name(one), name(other), plan.latency),
        FaultKind::Cut(one, other) => sim.repair(name(one), name(other)),
        FaultKind::Hole(one, other) => sim.repair_oneway(name(one), name(other)),
        FaultKind::Stop(node) => others(machines, node).for_each(|other| sim.release(name(node), other)),
        FaultKind::Crash(..) | FaultKind::Restart(_) | FaultKind::Disk(_) | FaultKind::Syncs(_) => {}
    }
}

fn set_latency(sim: &Sim<'_>, one: &str, other: &str, latency: Duration) {
    sim.set_link_latency(one, other, latency);
}

/// Every host but one.
fn others(machines: &[Rc<Machine>], node: usize) -> impl Iterator<Item = &str> {
    let all = machines.iter().map(|machine| machine.name.as_str()).chain([CLIENTS]);
    all.enumerate().filter(move |(other, _)| *other != node).map(|(_, name)| name)
}
