//! The herd that a dashboard watches.

use std::net::SocketAddr;

use serde::Serialize;

use crate::config::Herd;

/// The nodes of a herd, and where to reach them.
#[derive(Clone, Debug)]
pub struct WatchedHerd {
    /// The herd's name.
    pub name: String,
    /// Its nodes, in the order to show.
    pub nodes: Vec<WatchedNode>,
    /// Whether clients must use TLS. The dashboard then sends nodes no lines.
    pub clients_use_tls: bool,
}

/// A node of a watched herd.
#[derive(Clone, Debug, Serialize)]
pub struct WatchedNode {
    /// The node's name.
    pub name: String,
    /// Its address for clients.
    pub client: SocketAddr,
    /// The address of its admin port; `None` if it has none, and so cannot be watched.
    pub admin: Option<SocketAddr>,
    /// The nodes that it keeps links with.
    pub neighbours: Vec<String>,
}

impl From<&Herd> for WatchedHerd {
    fn from(herd: &Herd) -> WatchedHerd {
        let nodes = herd.members.iter().map(|member| WatchedNode {
            name: member.name.clone(),
            client: member.client,
            admin: member.admin,
            neighbours: member.neighbours.clone(),
        });
        let clients_use_tls = herd.clients.cert.is_some();
        WatchedHerd { name: herd.name.clone(), nodes: nodes.collect(), clients_use_tls }
    }
}

impl WatchedHerd {
    /// The node with this name.
    pub(super) fn node(&self, name: &str) -> Option<&WatchedNode> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The links, each once, as pairs of nodes in the order of the herd.
    pub(super) fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.nodes.iter().enumerate().flat_map(|(place, node)| {
            let is_later = move |other: &&WatchedNode| node.neighbours.contains(&other.name);
            self.nodes[place + 1..].iter().filter(is_later).map(|other| (&*node.name, &*other.name))
        })
    }
}
