//! The loads from which figures are measured: one node alone, and two regions with three servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::measured::Measured;
use crate::cluster::admin_client;
use crate::cluster::backbone::{NatsServers, SERVERS, cut, nats_server};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::proc_usage::{cpu_seconds, resident_bytes};
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::load::generator::{Generator, Task};
use crate::load::{Load, Order, Protocol, Summary};

/// The programs and the sizes of the loads.
pub(super) struct Bench {
    pub(super) generator: Generator,
    pub(super) herd: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) sizes: Sizes,
    pub(super) progress: fn(&str),
}

/// The sizes of the loads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The clients of the node alone.
    pub(super) alone: u64,
    /// The clients of the two regions.
    pub(super) clients: u64,
    /// Few reports a second to the two regions. After them come as many as the node answers.
    pub(super) few: f64,
    /// The time for which each of them are sent.
    pub(super) lasts: Duration,
}

/// The times that each client of the node alone is reported: updates leave something behind, too.
const PASSES: u64 = 3;

/// The nodes, in a line. The first two of each region read the backbone.
const WEST: [&str; 4] = ["Node1", "Node2", "Node3", "Node4"];
const EAST: [&str; 2] = ["Node5", "Node6"];
pub(super) const NODES: u16 = (WEST.len() + EAST.len()) as u16;

/// The node that all clients report to. It does not read the backbone, and has two neighbours.
const RECEIVER: &str = "Node3";

/// The node that only receives updates over one link.
const LEAF: &str = "Node4";

/// The time limit for whatever is waited for, and of a load that ends by itself.
const PATIENCE: Duration = Duration::from_secs(300);

/// The time between two looks.
const POLL: Duration = Duration::from_millis(20);

/// More clients than any load has.
const LIMITS: &str = "distinct_clients = 1000000000";

/// Measures everything.
///
/// # Errors
/// The servers cannot be had, something does not start, or an update does not arrive.
pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    // First, since without the servers nothing else is of use.
    let program = nats_server(&bench.progress)?;
    (bench.progress)(&format!("one node with {} clients: its memory", bench.sizes.alone));
    let client_bytes = bytes_of_clients(bench)?;
    let mut regions = Regions::start(bench, program)?;
    (bench.progress)(&format!("two regions with {} clients: their processor time", bench.sizes.clients));
    regions.report(Order::Passes(1), None, PATIENCE)?;
    regions.wait_for_clients(LEAF)?;
    regions.wait_until_quiet()?;
    let seconds = bench.sizes.lasts.as_secs_f64();
    let (_, few) = regions.usage_of(Some(bench.sizes.few))?;
    let light_cores = few.servers.iter().sum::<f64>() / seconds;
    let (reports, many) = regions.usage_of(None)?;
    (bench.progress)("an empty node, and then an empty region: how fast they receive everything");
    let link_rate = regions.refill(&[LEAF], |regions| regions.wait_for_clients(LEAF))?;
    let backbone_rate = regions.reread()?;
    let Usage { lines, messages, published, server_bytes, stored, nodes, servers } = many;
    let cpu_of = |name: &str| nodes.get(name).copied().unwrap_or_default();
    let of_servers: f64 = servers.iter().sum();
    Ok(Measured {
        client_bytes,
        receiving_cpu: cpu_of(RECEIVER) / reports,
        flooded_cpu: cpu_of(LEAF) / lines,
        light_cores,
        line_cpu: of_servers / lines,
        leader_share: servers.iter().copied().fold(0.0, f64::max) / of_servers,
        log_bytes: stored / lines,
        message_bytes: published / lines,
        sent_bytes: (published + server_bytes) / lines,
        lines: lines / messages,
        link_rate,
        backbone_rate,
    })
}

/// Fills a node alone, and returns the resident bytes of a client.
fn bytes_of_clients(bench: &Bench) -> Result<f64> {
    let file = HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone")?.with_limits(LIMITS)?;
    let setup = |file| Setup::clean(file, bench.herd.clone(), bench.folder.join("alone"));
    let mut node = TestHerd::new(&file, |file, _| Processes::new(setup(file)))?;
    node.start_all()?;
    let name = "Node1";
    let pid = node.pid(name)?.context("the node has ended")?;
    let before = resident_bytes(pid)?;
    let clients = bench.sizes.alone;
    let load = load(&node, name, clients, Order::Passes(PASSES))?;
    send(bench, load)?;
    Ok((resident_bytes(pid)? - before) / clients as f64)
}

fn load(herd: &Processes, node: &str, clients: u64, order: Order) -> Result<Load> {
    Ok(Load {
        protocol: Protocol::Iamat,
        nodes: vec![herd.member(node)?.client],
        connections: 16,
        depth: 64,
        rate: None,
        clients,
        order,
        duration: PATIENCE,
        ..Load::default()
    })
}

fn send(bench: &Bench, load: Load) -> Result<Summary> {
    let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
    summary.ensure_all_right()?;
    Ok(summary)
}

/// Two regions and the servers between them.
struct Regions<'a> {
    bench: &'a Bench,
    // Dropped before the servers.
    herd: TestHerd,
    servers: NatsServers,
}

/// What has been used since the start.
#[derive(Clone, Debug, Default)]
struct Usage {
    /// The lines that the other region has read, the messages and bytes that were published.
    lines: f64,
    messages: f64,
    published: f64,
    /// The bytes that the servers have sent, and those of the stream on all of them.
    server_bytes: f64,
    stored: f64,
    /// The processor time of each node and each server.
    nodes: BTreeMap<String, f64>,
    servers: Vec<f64>,
}

impl Usage {
    fn since(&self, before: &Usage) -> Usage {
        let of_node = |(name, cpu): (&String, &f64)| {
            (name.clone(), cpu - before.nodes.get(name).copied().unwrap_or_default())
        };
        Usage {
            lines: self.lines - before.lines,
            messages: self.messages - before.messages,
            published: self.published - before.published,
            server_bytes: self.server_bytes - before.server_bytes,
            stored: self.stored - before.stored,
            nodes: self.nodes.iter().map(of_node).collect(),
            servers: self.servers.iter().zip(&before.servers).map(|(now, then)| now - then).collect(),
        }
    }
}

impl Regions<'_> {
    fn start(bench: &Bench, program: PathBuf) -> Result<Regions<'_>> {
        let servers = NatsServers::start(program, bench.folder.join("nats"), SERVERS)?;
        let file = HerdFile::parse(&Graph::Line.herd_file(NODES, 1), "two regions")?.with_limits(LIMITS)?;
        let names = |nodes: &[&str]| nodes.iter().map(ToString::to_string).collect();
        let regions = [("west".to_owned(), names(&WEST)), ("east".to_owned(), names(&EAST))];
        let mut herd = TestHerd::new(&file, |file, _| {
            let joined = cut(&file, BTreeMap::from(regions))?;
            let folder = bench.folder.join("regions");
            Processes::new(joined.setup(&servers.backbone(), bench.herd.clone(), folder)?)
        })?;
        herd.start_all()?;
        Ok(Regions { bench, herd, servers })
    }

    /// Reports the clients at one node.
    fn report(&self, order: Order, rate: Option<f64>, duration: Duration) -> Result<Summary> {
        let load = load(&self.herd, RECEIVER, self.bench.sizes.clients, order)?;
        send(self.bench, Load { rate, duration, ..load })
    }

    /// Reports clients, and returns the number of reports and what they have used.
    fn usage_of(&mut self, rate: Option<f64>) -> Result<(f64, Usage)> {
        let before = self.usage()?;
        let summary = self.report(Order::Random, rate, self.bench.sizes.lasts)?;
        self.wait_until_quiet()?;
        let used = self.usage()?.since(&before);
        ensure!(used.lines > 0.0 && used.messages > 0.0, "no update reached the other region");
        Ok((summary.answers as f64, used))
    }

    fn status(&mut self, name: &str) -> Result<Value> {
        let address = self.herd.admin(name)?.with_context(|| format!("{name} has ended"))?;
        admin_client::status(address)
    }

    /// Asks a node until `is_done` finds what it waits for.
    fn wait(&mut self, name: &str, what: &str, mut is_done: impl FnMut(&Value) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // A node that works at something else may answer late.
        while !self.status(name).is_ok_and(|status| is_done(&status)) {
            ensure!(Instant::now() < deadline, "{name} {what} after {PATIENCE:?}");
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn wait_for_clients(&mut self, name: &str) -> Result<()> {
        let clients = self.bench.sizes.clients;
        self.wait(name, "does not know all clients", |status| status["clients"].as_u64() >= Some(clients))
    }

    /// Waits until the other region has read everything that was published.
    fn wait_until_quiet(&mut self) -> Result<()> {
        let clients = self.bench.sizes.clients;
        for name in EAST {
            let mut before = None;
            self.wait(name, "still reads the backbone", |status| {
                let now = Some(lines_read(status));
                let is_quiet = before == now && status["clients"].as_u64() >= Some(clients);
                before = now;
                // Longer than messages linger.
                thread::sleep(10 * POLL);
                is_quiet
            })?;
        }
        Ok(())
    }

    fn usage(&mut self) -> Result<Usage> {
        let mut usage = Usage { lines: lines_read(&self.status(EAST[0])?), ..Usage::default() };
        let published = self.status(RECEIVER)?["backbone"].clone();
        usage.messages = published["messages_published"].as_f64().unwrap_or_default();
        usage.published = published["bytes_published"].as_f64().unwrap_or_default();
        for name in self.herd.names() {
            let pid = self.herd.pid(&name)?.with_context(|| format!("{name} has ended"))?;
            usage.nodes.insert(name, cpu_seconds(pid)?);
        }
        for server in self.servers.known() {
            let pid = server.pid.with_context(|| format!("{} has ended", server.name))?;
            usage.servers.push(cpu_seconds(pid)?);
            let number = |path: &str, field: &str| {
                let state: Value = serde_json::from_str(&admin_client::get(server.state, path)?)?;
                state[field].as_f64().with_context(|| format!("{path} of {} has no {field}", server.name))
            };
            usage.server_bytes += number("/varz", "out_bytes")?;
            usage.stored += number("/jsz", "storage")?;
        }
        Ok(usage)
    }

    /// Kills nodes, which have no journals, starts them again, and waits until `refilled` returns.
    /// Returns the records a second since their start.
    fn refill(&mut self, nodes: &[&str], refilled: impl FnOnce(&mut Self) -> Result<()>) -> Result<f64> {
        let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        self.herd.kill(&names)?;
        let began = Instant::now();
        self.herd.start(&names)?;
        refilled(self)?;
        Ok(self.bench.sizes.clients as f64 / began.elapsed().as_secs_f64())
    }

    /// Empties the other region, and returns the lines a second that it reads from the stream.
    fn reread(&mut self) -> Result<f64> {
        let lines = lines_read(&self.status(EAST[0])?);
        let rate = self.refill(&EAST, |regions| {
            regions.wait(EAST[0], "does not read the stream again", |status| lines_read(status) >= lines)
        })?;
        Ok(rate * lines / self.bench.sizes.clients as f64)
    }
}

/// The lines that a node has read from the backbone, by its status.
fn lines_read(status: &Value) -> f64 {
    let count = |field| status["backbone"][field].as_f64().unwrap_or_default();
    count("updates_fresh") + count("updates_stale")
}
