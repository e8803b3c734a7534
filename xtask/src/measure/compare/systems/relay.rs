//! Starts a herd of bare relays.

use anyhow::Result;

use super::redis_nats_echo::{Program, wait_until_listening};
use super::{HerdLayout, RunningSystem, herds};
use crate::cluster::ports::PortBlock;
use crate::load::Protocol;
use crate::load::flood::{Sender, Watch};
use crate::load::generator::Task;
use crate::load::relay::Relay;
use crate::measure::compare::CompareBench;

/// Starts relays on the graph of a layout. Each dials those of its neighbours that precede it.
pub(super) fn start_relays(bench: &CompareBench, layout: HerdLayout) -> Result<RunningSystem> {
    let file = herds::graph(layout)?;
    let ports = PortBlock::take(2 * u16::try_from(file.herd().members.len())?)?;
    let members = file.at_ports(ports.first())?.herd().members.clone();
    let mut programs = Vec::new();
    for (number, member) in members.iter().enumerate() {
        let dialled = members[..number].iter().filter(|other| member.neighbours.contains(&other.name));
        let neighbours = dialled.map(|other| other.link).collect();
        let relay = Relay { client: member.client, link: member.link, neighbours };
        programs.push(Program(bench.generator.start(&Task::Relay(relay))?));
    }
    let nodes: Vec<_> = members.iter().map(|member| member.client).collect();
    nodes.iter().try_for_each(|client| wait_until_listening(*client))?;
    Ok(RunningSystem {
        protocol: Protocol::Iamat,
        sender: Sender::Iamat(nodes[0]),
        watchers: members[1..].iter().map(|member| Watch::Relay(member.link)).collect(),
        all: nodes.clone(),
        nodes,
        pids: programs.iter().map(|program| program.0.id()).collect(),
        ready_after: None,
        herd: None,
        servers: None,
        across: None,
        _programs: programs,
        _ports: Some(ports),
    })
}
