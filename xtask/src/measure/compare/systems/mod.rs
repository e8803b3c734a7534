//! The systems that are compared.

mod herds;
mod redis_nats_echo;
mod relay;

pub(crate) use redis_nats_echo::check_installed;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::CompareBench;
use crate::cluster::admin_client;
use crate::cluster::backbone::NatsServers;
use crate::cluster::bundled_guests::BundledGuest;
use crate::cluster::ports::PortBlock;
use crate::cluster::processes::{AdminPorts, INSECURE_LINKS};
use crate::cluster::test_herd::TestHerd;
use crate::load::Protocol;
use crate::load::flood::{Sender, Watch};
use redis_nats_echo::Program;

/// A system that can be measured.
#[derive(Clone, Debug)]
pub(crate) enum System {
    /// This herd, with a name for reports and arguments for its nodes.
    Herd(&'static str, &'static [&'static str]),
    /// This herd, cut in two, whose halves the backbone joins.
    HerdOnBackbone,
    /// This herd, without admin ports.
    HerdWithoutAdmin,
    /// This herd, with a Places service at a URL.
    HerdWithPlaces(String),
    /// This herd, with a places file.
    HerdWithOsm(String),
    /// A guest: a herd of another program.
    Guest(BundledGuest),
    /// Redis, with the command that stores a report.
    Redis(Protocol),
    /// Redis, with messages on a channel, which it does not store.
    RedisChannel,
    /// A Redis primary in one region with a replica in another, which stores reports.
    RedisReplica,
    /// A NATS cluster, with messages on a subject, which it does not store.
    Nats,
    /// A server that sends lines back.
    Echo,
    /// A herd of bare relays, which pass lines on and keep no records.
    Relay,
}

/// The nodes of a system, and their watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HerdLayout {
    /// One node alone.
    Lone,
    /// One node with four neighbours that discard its updates.
    Hub,
    /// Five nodes on the default graph. Redis has a primary with four replicas, NATS a cluster of
    /// five.
    Five,
    /// Five nodes on a classroom's graph with six edges.
    SixEdges,
    /// Five nodes on a full mesh.
    Mesh,
    /// Five nodes on the default graph, with a watcher of each node but the first, which gets the
    /// updates.
    FiveWatched,
    /// Five nodes on a full mesh, watched in the same way.
    MeshWatched,
}

/// A running system. It ends when it is dropped.
pub(crate) struct RunningSystem {
    /// The protocol of its nodes.
    pub(crate) protocol: Protocol,
    /// The addresses of the nodes that accept reports.
    pub(crate) nodes: Vec<SocketAddr>,
    /// The addresses of all nodes that must have every update.
    pub(crate) all: Vec<SocketAddr>,
    /// The first node, as a sender of single updates needs it.
    pub(crate) sender: Sender,
    /// Its sinks or watchers.
    pub(crate) watchers: Vec<Watch>,
    /// The time from the start of its nodes until all accepted clients; `None` for other systems
    /// than herds.
    pub(crate) ready_after: Option<Duration>,
    /// The process ids of its nodes.
    pub(crate) pids: Vec<u32>,
    /// The herd; `None` for other systems.
    pub(crate) herd: Option<TestHerd>,
    /// The servers of the backbone; `None` for other systems.
    pub(crate) servers: Option<NatsServers>,
    /// A node in another region than the first node; `None` for systems in one region.
    pub(crate) across: Option<SocketAddr>,
    _programs: Vec<Program>,
    _ports: Option<PortBlock>,
}

/// The timeout until all nodes of a herd are in a state, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

impl RunningSystem {
    /// Waits until the status of every node of this herd that has an admin port is as expected.
    /// `otherwise` says in an error what a node is or lacks that is not.
    ///
    /// # Errors
    /// A node does not answer, or its status is not as expected after a minute.
    pub(crate) fn wait_until_all(
        &mut self,
        is_expected: impl Fn(&Value) -> bool,
        otherwise: &str,
    ) -> Result<()> {
        let Some(herd) = &mut self.herd else { return Ok(()) };
        let deadline = Instant::now() + PATIENCE;
        for name in herd.names() {
            let Some(admin) = herd.admin(&name)? else { continue };
            while !is_expected(&admin_client::status(admin)?) {
                ensure!(Instant::now() < deadline, "{name} {otherwise} after {PATIENCE:?}");
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Kills the first node, as a crash would.
    ///
    /// # Errors
    /// The node has ended already.
    pub(crate) fn kill_first(&self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pids[0])?);
        kill(pid, Signal::SIGKILL).context("cannot kill the first node")
    }
}

impl HerdLayout {
    /// Whether nodes have watchers.
    fn is_watched(self) -> bool {
        matches!(self, HerdLayout::FiveWatched | HerdLayout::MeshWatched)
    }
}

impl System {
    /// The name of the system in reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            System::Herd(name, _) => name,
            System::HerdOnBackbone => "herd-on-backbone",
            System::HerdWithoutAdmin => "no-admin-port",
            System::HerdWithPlaces(_) | System::HerdWithOsm(_) => "herd",
            System::Guest(guest) => guest.name,
            System::Redis(Protocol::Geoadd) => "redis-geoadd",
            System::Redis(_) => "redis-set",
            System::RedisChannel => "redis-pubsub",
            System::RedisReplica => "redis-replica",
            System::Nats => "nats",
            System::Echo => "echo",
            System::Relay => "relay",
        }
    }

    /// Starts the system without any records.
    ///
    /// # Errors
    /// The system is not installed, or does not start. The message says what to install.
    pub(crate) fn start(&self, bench: &CompareBench, layout: HerdLayout) -> Result<RunningSystem> {
        let started = match self {
            System::Herd(_, args) => herds::start_own_herd(bench, layout, args, AdminPorts::Free),
            System::HerdOnBackbone => herds::start_joined_herd(bench, layout),
            System::HerdWithoutAdmin => {
                herds::start_own_herd(bench, layout, &[INSECURE_LINKS], AdminPorts::Absent)
            }
            System::HerdWithPlaces(url) => {
                let args = ["--places", "google-legacy", "--places-url", url];
                herds::start_own_herd(bench, layout, &args, AdminPorts::Free)
            }
            System::HerdWithOsm(file) => {
                let args = [INSECURE_LINKS, "--places", "osm", "--places-file", file];
                herds::start_own_herd(bench, layout, &args, AdminPorts::Free)
            }
            System::Guest(guest) => herds::start_guest_herd(bench, layout, guest),
            System::Redis(protocol) => redis_nats_echo::start_redis(bench, layout, *protocol),
            System::RedisChannel => redis_nats_echo::start_redis(bench, layout, Protocol::Set),
            System::RedisReplica => redis_nats_echo::start_primary_and_replica(bench),
            System::Nats => redis_nats_echo::start_nats(bench),
            System::Echo => redis_nats_echo::start_echo(bench),
            System::Relay => relay::start_relays(bench, layout),
        };
        started.with_context(|| format!("{} cannot be measured", self.name()))
    }
}
