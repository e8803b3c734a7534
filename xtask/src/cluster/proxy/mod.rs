//! A TCP proxy for links, which delays, drops, throttles, cuts and resets connections.
//!
//! Each node's herd file has addresses of the proxy in place of its neighbours' addresses. There is
//! an address for each node and each neighbour that it dials, so each direction of a link has its
//! own conditions. The proxy is below TLS: it sees bytes, not lines. It can also relay connections
//! between any other names, such as regions and servers of the backbone.

mod carry;
mod conditions;

pub use conditions::Conditions;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::cluster::herd_file::HerdFile;
use carry::relay;

/// A proxy, for all links of a herd or for other connections. It closes all connections when it is
/// dropped.
#[derive(Debug)]
pub struct Proxy {
    /// The directions, by (from, to).
    directions: BTreeMap<(String, String), Arc<Direction>>,
    /// The addresses at which a node reaches its neighbours, by (node, neighbour).
    addresses: BTreeMap<(String, String), SocketAddr>,
    runtime: Runtime,
}

/// One direction between two neighbours. It covers the connections that either of them has dialled.
#[derive(Debug, Default)]
struct Direction {
    conditions: watch::Sender<Conditions>,
    /// The number of bytes delivered.
    carried: AtomicU64,
    /// The number of connections that the proxy has reset.
    resets: AtomicU64,
}

impl Proxy {
    /// Starts to relay the links of a herd whose link addresses are fixed.
    ///
    /// # Errors
    /// The thread cannot be started, or no port is free.
    pub fn start(file: &HerdFile) -> Result<Proxy> {
        let herd = file.herd();
        let mut routes = Vec::new();
        for member in &herd.members {
            for neighbour in &member.neighbours {
                let target = herd.member(neighbour).context("a neighbour is a member")?.link;
                routes.push((member.name.clone(), neighbour.clone(), target));
            }
        }
        Proxy::between(routes)
    }

    /// Starts to relay connections from one name to another, whose address is the target.
    ///
    /// # Errors
    /// The thread cannot be started, or no port is free.
    pub fn between(routes: Vec<(String, String, SocketAddr)>) -> Result<Proxy> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the thread of the proxy")?;
        let both = routes.iter().flat_map(|(from, to, _)| [(from, to), (to, from)]);
        let directions: BTreeMap<_, _> =
            both.map(|(from, to)| ((from.clone(), to.clone()), Arc::default())).collect();
        let mut proxy = Proxy { directions, addresses: BTreeMap::new(), runtime };
        for (from, to, target) in routes {
            let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
            let listener = proxy.runtime.block_on(listen).context("no port is free for the proxy")?;
            let directions = [proxy.direction(&from, &to)?, proxy.direction(&to, &from)?].map(Arc::clone);
            proxy.addresses.insert((from, to), listener.local_addr()?);
            proxy.runtime.spawn(serve(listener, target, directions));
        }
        Ok(proxy)
    }

    /// Returns the address at which one name reaches another; `None` if nothing is relayed between
    /// them.
    pub fn address(&self, from: &str, to: &str) -> Option<SocketAddr> {
        self.addresses.get(&(from.to_owned(), to.to_owned())).copied()
    }

    /// Returns the herd file for each node, in which its neighbours have the proxy's addresses.
    ///
    /// # Errors
    /// The herd is not the one that this proxy was started for.
    pub fn views(&self, file: &HerdFile) -> Result<BTreeMap<String, HerdFile>> {
        let view = |name: &String| {
            let own = self.addresses.iter().filter(|((from, _), _)| from == name);
            file.with_links(own.map(|((_, to), address)| (to.as_str(), *address)))
        };
        file.herd().members.iter().map(|member| Ok((member.name.clone(), view(&member.name)?))).collect()
    }

    /// Sets the conditions of the direction from one node to another.
    ///
    /// # Errors
    /// The nodes are not neighbours.
    pub fn set_conditions(&self, from: &str, to: &str, conditions: Conditions) -> Result<()> {
        self.direction(from, to)?.conditions.send_replace(conditions);
        Ok(())
    }

    /// Returns the number of bytes from one node that have been delivered to another.
    ///
    /// # Errors
    /// The nodes are not neighbours.
    pub fn carried(&self, from: &str, to: &str) -> Result<u64> {
        Ok(self.direction(from, to)?.carried.load(Ordering::Relaxed))
    }

    /// The number of connections that the proxy has reset.
    pub fn resets(&self) -> u64 {
        self.directions.values().map(|direction| direction.resets.load(Ordering::Relaxed)).sum()
    }

    fn direction(&self, from: &str, to: &str) -> Result<&Arc<Direction>> {
        let direction = self.directions.get(&(from.to_owned(), to.to_owned()));
        direction.with_context(|| format!("{from} and {to} are not neighbours"))
    }
}

impl Direction {
    /// Waits until the conditions meet `predicate`, and returns them.
    async fn wait_until(&self, predicate: impl FnMut(&Conditions) -> bool) -> Conditions {
        let mut conditions = self.conditions.subscribe();
        let found = conditions.wait_for(predicate).await;
        *found.expect("this direction holds the sender")
    }
}

/// Relays every connection until the proxy is dropped.
async fn serve(listener: TcpListener, target: SocketAddr, directions: [Arc<Direction>; 2]) {
    while let Ok((inbound, _)) = listener.accept().await {
        tokio::spawn(relay(inbound, target, directions.clone()));
    }
}

#[cfg(test)]
mod tests;
