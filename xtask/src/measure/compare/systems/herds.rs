//! Starts herds: this one, and guests.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use herd::config::Member;
use serde_json::Value;

use super::{HerdLayout, RunningSystem};
use crate::cluster::backbone::{NatsServers, SERVERS, cut, halves, nats_server};
use crate::cluster::bundled_guests::BundledGuest;
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::{HerdFile, observer_of};
use crate::cluster::processes::{AdminPorts, INSECURE_LINKS, Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::load::Protocol;
use crate::load::flood::{Sender, Watch};
use crate::measure::compare::CompareBench;

/// More clients and places than any round needs.
const LIMITS: &str = "distinct_clients = 1000000000\nplaces_total = \"10m\"";

/// Starts this herd, with `args` and an admin port for each node.
pub(super) fn start_own_herd(
    bench: &CompareBench,
    layout: HerdLayout,
    args: &[&str],
    admin: AdminPorts,
) -> Result<RunningSystem> {
    let folder = bench.folder.join("herd");
    let mut variables = Vec::new();
    if args.contains(&"--places-url") {
        // The service at this URL is a stub, so any key will do.
        variables.push(("HERD_PLACES_KEY", Some("key-of-a-stub".into())));
    }
    let data = args.contains(&"--durability").then(|| folder.join("data"));
    if let Some(data) = &data {
        // An earlier round may have left its data.
        let _ = fs::remove_dir_all(data);
    }
    let herd = TestHerd::new(&herd_file(layout)?, |file, _| {
        Processes::new(Setup {
            args: args.iter().map(Into::into).collect(),
            variables,
            data,
            admin,
            ..Setup::clean(file, bench.herd.clone(), folder)
        })
    })?;
    start_nodes(herd, layout, |herd, observer, node| Watch::link_of(herd, &node.name, &observer.name))
}

/// Starts this herd in two halves, with three servers of the backbone between them.
pub(super) fn start_joined_herd(bench: &CompareBench, layout: HerdLayout) -> Result<RunningSystem> {
    let folder = bench.folder.join("joined");
    let mut regions = halves(&graph(layout)?)?.regions;
    if layout.is_watched() {
        for nodes in regions.values_mut() {
            nodes.extend(nodes.iter().map(|node| observer_of(node)).collect::<Vec<_>>());
        }
    }
    let across = regions.get("east").and_then(|nodes| nodes.first()).cloned();
    let program = nats_server(&bench.progress)?;
    let servers = NatsServers::start(program, folder.join("nats"), SERVERS)?;
    let herd = TestHerd::new(&herd_file(layout)?, |file, _| {
        let setup = cut(&file, regions)?.setup(&servers.backbone(), bench.herd.clone(), folder)?;
        Processes::new(Setup { args: vec![INSECURE_LINKS.into()], ..setup })
    })?;
    let watch =
        |herd: &Processes, observer: &Member, node: &Member| Watch::link_of(herd, &node.name, &observer.name);
    let across = across.and_then(|name| herd.herd().member(&name).map(|node| node.client));
    let mut running = start_nodes(herd, layout, watch)?;
    let is_ready = |status: &Value| status["ready"] == true && status["backbone"]["connected"] == true;
    running.wait_until_all(is_ready, "has no link or no backbone")?;
    Ok(RunningSystem { servers: Some(servers), across, ..running })
}

/// Starts a guest's herd. Its nodes dial their observers.
pub(super) fn start_guest_herd(
    bench: &CompareBench,
    layout: HerdLayout,
    guest: &BundledGuest,
) -> Result<RunningSystem> {
    let folder = bench.folder.join(guest.name);
    let herd = TestHerd::new(&herd_file(layout)?, |file, _| guest.template.herd(file, folder))?;
    start_nodes(herd, layout, |_, observer, _| Ok(Watch::Listener(observer.link)))
}

fn herd_file(layout: HerdLayout) -> Result<HerdFile> {
    let file = graph(layout)?;
    let file = if layout.is_watched() { file.with_observers()? } else { file };
    file.with_limits(LIMITS)?.with_free_places()
}

/// The herd of a layout, without its observers.
pub(super) fn graph(layout: HerdLayout) -> Result<HerdFile> {
    match layout {
        HerdLayout::Lone => HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone"),
        HerdLayout::Hub => HerdFile::parse(&Graph::Star.herd_file(5, 1), "a node with four neighbours"),
        HerdLayout::Five | HerdLayout::FiveWatched => HerdFile::find("2015-winter"),
        HerdLayout::SixEdges => HerdFile::find("2023-winter"),
        HerdLayout::Mesh | HerdLayout::MeshWatched => {
            HerdFile::parse(&Graph::Mesh.herd_file(5, 1), "a full mesh of five")
        }
    }
}

/// Starts the nodes of a herd, but not the members that are sinks or observers. `watch` makes the
/// watch of a node by an observer.
fn start_nodes(
    mut herd: TestHerd,
    layout: HerdLayout,
    watch: impl Fn(&Processes, &Member, &Member) -> Result<Watch>,
) -> Result<RunningSystem> {
    let members = herd.herd().members.clone();
    let count = match layout {
        HerdLayout::Hub => 1,
        _ => members.len().min(5),
    };
    let names: Vec<String> = members[..count].iter().map(|member| member.name.clone()).collect();
    let started = Instant::now();
    herd.start(&names)?;
    let ready_after = Some(started.elapsed());
    let mut watchers = Vec::new();
    match layout {
        HerdLayout::Lone | HerdLayout::Five | HerdLayout::SixEdges | HerdLayout::Mesh => {}
        HerdLayout::Hub => {
            for sink in &members[1..] {
                watchers.push(watch(&herd, sink, &members[0])?);
            }
        }
        HerdLayout::FiveWatched | HerdLayout::MeshWatched => {
            // The observers follow the five nodes. The first node is the one that gets the updates.
            for node in 1..5 {
                watchers.push(watch(&herd, &members[5 + node], &members[node])?);
            }
        }
    }
    let nodes: Vec<SocketAddr> = members[..count].iter().map(|member| member.client).collect();
    let mut pids = Vec::new();
    for name in &names {
        pids.push(herd.pid(name)?.with_context(|| format!("{name} has ended"))?);
    }
    Ok(RunningSystem {
        protocol: Protocol::Iamat,
        sender: Sender::Iamat(nodes[0]),
        all: nodes.clone(),
        nodes,
        watchers,
        ready_after,
        pids,
        herd: Some(herd),
        servers: None,
        across: None,
        _programs: Vec::new(),
        _ports: None,
    })
}
