//! A simulated host, and the node that lives on it.

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

use crate::oracle::{Durability, Keeps};
use crate::sim::plan::Plan;

/// The ports of every host.
pub(super) const CLIENTS: u16 = 12_300;
const LINKS: u16 = 12_400;

/// Journals are compacted when they are longer than this, so that it happens within seconds.
const JOURNAL: u64 = 4_096;

/// A host.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    neighbours: Vec<String>,
    limits: Limits,
    durability: server::Durability,
    /// Where its node keeps what it knows.
    folder: PathBuf,
    /// Stops the node that lives now.
    stop: RefCell<CancellationToken>,
}

impl Machine {
    pub(super) fn new(
        node: usize,
        names: &[String],
        edges: &[(usize, usize)],
        plan: &Plan,
        folder: &Path,
    ) -> Machine {
        let neighbour = |edge: &(usize, usize)| match *edge {
            (low, high) if low == node => Some(names[high].clone()),
            (low, high) if high == node => Some(names[low].clone()),
            _ => None,
        };
        Machine {
            name: names[node].clone(),
            neighbours: edges.iter().filter_map(neighbour).collect(),
            limits: Limits { journal_bytes: JOURNAL, bulk_sync: plan.bulk_sync, ..Limits::default() },
            durability: match plan.durability {
                Durability::Memory => server::Durability::Off,
                Durability::Everysec => server::Durability::Everysec,
                Durability::Always => server::Durability::Always,
            },
            folder: folder.join(&names[node]),
            stop: RefCell::default(),
        }
    }

    /// One life of its node.
    pub(super) async fn live(self: Rc<Self>) -> turmoil::Result {
        let stop = CancellationToken::new();
        self.stop.replace(stop.clone());
        let lives = Lives { epoch: fastrand::u64(1..), incarnation: fastrand::u64(..), hash_seed: 0 };
        let node = Node::new(&self.name, &self.neighbours, self.limits.clone(), lives);
        let store = match self.durability {
            server::Durability::Off => Store::in_memory(node),
            durability => Store::open(node, &self.folder, durability, false, || fastrand::u64(..))?,
        };
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        let member = Member {
            name: self.name.clone(),
            client: at(CLIENTS),
            link: at(LINKS),
            advertise: None,
            admin: None,
            neighbours: self.neighbours.clone(),
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

    /// Tells the node to stop.
    pub(super) fn stop(&self) {
        self.stop.borrow().cancel();
    }

    /// Whether it has been told to.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.borrow().is_cancelled()
    }

    /// Takes away what a crash does not leave, and tells what it has left: all of the disk, or nothing.
    pub(super) fn after_crash(&self, keeps: Keeps) -> Keeps {
        if keeps != Keeps::Nothing {
            return Keeps::Disk;
        }
        // In memory there is none.
        let _ = fs::remove_dir_all(&self.folder);
        Keeps::Nothing
    }
}
