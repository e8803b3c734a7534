//! A simulated host, and the node on it.

use std::cell::RefCell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use herd::config::Member;
use herd::net::Address;
use herd::node::{Limits, Lives, Node};
use herd::places::{Places, Provider};
use herd::server::{self, Server, Store};
use herd::tls::Encryption;
use tokio_util::sync::CancellationToken;

use crate::oracle::{Keeps, Persistence};
use crate::sim::plan::Plan;

/// The port for clients on every host.
pub(super) const CLIENTS: u16 = 12_300;

/// The port for links on every host.
const LINKS: u16 = 12_400;

/// The length at which journals are compacted, in bytes: so small that it happens within seconds.
const JOURNAL: u64 = 4_096;

/// A host of the simulated network.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    neighbours: Vec<String>,
    limits: Limits,
    durability: server::Durability,
    /// The data folder of its node.
    folder: PathBuf,
    /// Stops the node that runs now.
    stop: RefCell<CancellationToken>,
}

impl Host {
    pub(super) fn new(
        node: usize,
        names: &[String],
        edges: &[(usize, usize)],
        plan: &Plan,
        folder: &Path,
    ) -> Host {
        let neighbour = |edge: &(usize, usize)| match *edge {
            (low, high) if low == node => Some(names[high].clone()),
            (low, high) if high == node => Some(names[low].clone()),
            _ => None,
        };
        Host {
            name: names[node].clone(),
            neighbours: edges.iter().filter_map(neighbour).collect(),
            limits: Limits { journal_bytes: JOURNAL, bulk_sync: plan.bulk_sync, ..Limits::default() },
            durability: match plan.durability {
                Persistence::Memory => server::Durability::Off,
                Persistence::Everysec => server::Durability::Everysec,
                Persistence::Always => server::Durability::Always,
            },
            folder: folder.join(&names[node]),
            stop: RefCell::default(),
        }
    }

    /// Runs the node until it stops or crashes.
    pub(super) async fn run_node(self: Rc<Self>) -> turmoil::Result {
        let stop = CancellationToken::new();
        self.stop.replace(stop.clone());
        let lives = Lives { epoch: fastrand::u64(1..), incarnation: fastrand::u64(..), hash_seed: 0 };
        let node = Node::new(&self.name, &self.neighbours, self.limits.clone(), lives);
        let store = match self.durability {
            server::Durability::Off => Store::in_memory(node),
            durability => {
                Store::open(node, &self.folder, durability, false, Arc::default(), || fastrand::u64(..))?
            }
        };
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        let member = Member {
            name: self.name.clone(),
            client: at(CLIENTS),
            link: at(LINKS),
            advertise: None,
            admin: None,
            metrics: None,
            neighbours: self.neighbours.clone(),
            holds: None,
        };
        let places = Places::new(Provider::Nobody, &self.limits);
        let encryption = Arc::new(Encryption::default());
        let server = Server::bind(&member, None, 1, store, places, encryption, stop).await?;
        let neighbours = self.neighbours.iter();
        let neighbours =
            neighbours.map(|name| (name.clone(), Address::Name { host: name.clone(), port: LINKS }));
        server.run(neighbours.collect::<Vec<_>>()).await;
        Ok(())
    }

    /// Asks the node to stop.
    pub(super) fn stop(&self) {
        self.stop.borrow().cancel();
    }

    /// Returns whether the node has been asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.borrow().is_cancelled()
    }

    /// Deletes the data folder if the crash keeps nothing. Returns what outlives the crash: the
    /// whole disk or nothing, because this simulator cannot lose a part of it.
    pub(super) fn after_crash(&self, keeps: Keeps) -> Keeps {
        if keeps != Keeps::Nothing {
            return Keeps::Disk;
        }
        // A node without a disk has no folder.
        let _ = fs::remove_dir_all(&self.folder);
        Keeps::Nothing
    }
}
