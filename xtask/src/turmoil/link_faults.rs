//! Applies the faults of a plan to a simulated network.

use std::rc::Rc;
use std::time::Duration;

use turmoil::Sim;

use super::host::Host;
use crate::sim::plan::{FaultKind, Plan};

/// The name of the host of all clients.
pub(super) const CLIENTS: &str = "clients";

/// The name of a fault in a history. Equal faults have the same name as in chaos on processes.
pub(super) fn fault_name(kind: FaultKind) -> &'static str {
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

/// Begins a fault of links. Does nothing for other faults.
pub(super) fn begin(sim: &Sim<'_>, hosts: &[Rc<Host>], kind: FaultKind) {
    let name = |node: usize| hosts[node].name.as_str();
    match kind {
        FaultKind::Delay(one, other, delay) => set_latency(sim, name(one), name(other), delay),
        // Messages in transit are lost, and so is the connection: both sides notice the silence.
        FaultKind::Cut(one, other) => sim.partition(name(one), name(other)),
        FaultKind::Hole(one, other) => sim.partition_oneway(name(one), name(other)),
        FaultKind::Stop(node) => others(hosts, node).for_each(|other| sim.hold(name(node), other)),
        FaultKind::Crash(..) | FaultKind::Restart(_) | FaultKind::Disk(_) | FaultKind::Syncs(_) => {}
    }
}

/// Ends a fault of links. Does nothing for other faults.
pub(super) fn end(sim: &Sim<'_>, hosts: &[Rc<Host>], plan: &Plan, kind: FaultKind) {
    let name = |node: usize| hosts[node].name.as_str();
    match kind {
        FaultKind::Delay(one, other, _) => set_latency(sim, name(one), name(other), plan.latency),
        FaultKind::Cut(one, other) => sim.repair(name(one), name(other)),
        FaultKind::Hole(one, other) => sim.repair_oneway(name(one), name(other)),
        FaultKind::Stop(node) => others(hosts, node).for_each(|other| sim.release(name(node), other)),
        FaultKind::Crash(..) | FaultKind::Restart(_) | FaultKind::Disk(_) | FaultKind::Syncs(_) => {}
    }
}

fn set_latency(sim: &Sim<'_>, one: &str, other: &str, latency: Duration) {
    sim.set_link_latency(one, other, latency);
}

/// The names of all hosts but one.
fn others(hosts: &[Rc<Host>], node: usize) -> impl Iterator<Item = &str> {
    let all = hosts.iter().map(|host| host.name.as_str()).chain([CLIENTS]);
    all.enumerate().filter(move |(other, _)| *other != node).map(|(_, name)| name)
}
