//! A TCP proxy in this process that links go through, and that can do to them what networks do.
//!
//! Every node is told the address of a proxy in place of each neighbour's, one a pair and direction of dialling. So what
//! goes from one node to another can be broken while the way back is whole. The proxy is below TLS: it sees bytes only.

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

/// The ways between all neighbours of a herd. They end with this value.
#[derive(Debug)]
pub struct Proxy {
    /// From whom to whom.
    ways: BTreeMap<(String, String), Arc<Way>>,
    /// Where a node, the first one, reaches a neighbour, the second one.
    addresses: BTreeMap<(String, String), SocketAddr>,
    runtime: Runtime,
}

/// One direction between two neighbours, over whatever connection.
#[derive(Debug, Default)]
struct Way {
    conditions: watch::Sender<Conditions>,
    /// Bytes that have arrived.
    carried: AtomicU64,
    /// Connections that were reset on purpose.
    resets: AtomicU64,
}

impl Proxy {
    /// Begins to relay the links of a herd, all of whose addresses are known.
    ///
    /// # Errors
    /// The system has no thread or no port left.
    pub fn start(file: &HerdFile) -> Result<Proxy> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the thread of the proxy")?;
        let herd = file.herd();
        let pairs = herd.members.iter().flat_map(|member| {
            member.neighbours.iter().map(|neighbour| (member.name.clone(), neighbour.clone()))
        });
        let ways: BTreeMap<_, _> = pairs.map(|pair| (pair, Arc::default())).collect();
        let mut proxy = Proxy { ways, addresses: BTreeMap::new(), runtime };
        for (from, to) in proxy.ways.keys() {
            let target = herd.member(to).context("a neighbour is a member")?.link;
            let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
            let listener = proxy.runtime.block_on(listen).context("no port for a proxy")?;
            proxy.addresses.insert((from.clone(), to.clone()), listener.local_addr()?);
            let ways = [proxy.way(from, to)?, proxy.way(to, from)?].map(Arc::clone);
            proxy.runtime.spawn(serve(listener, target, ways));
        }
        Ok(proxy)
    }

    /// What each node is told of the herd: the truth, but for the addresses of its neighbours.
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

    /// Changes what happens to what goes from one node to another.
    ///
    /// # Errors
    /// They are no neighbours.
    pub fn set(&self, from: &str, to: &str, conditions: Conditions) -> Result<()> {
        self.way(from, to)?.conditions.send_replace(conditions);
        Ok(())
    }

    /// How many bytes from one node have arrived at another.
    ///
    /// # Errors
    /// They are no neighbours.
    pub fn carried(&self, from: &str, to: &str) -> Result<u64> {
        Ok(self.way(from, to)?.carried.load(Ordering::Relaxed))
    }

    /// How many connections were reset on purpose.
    pub fn resets(&self) -> u64 {
        self.ways.values().map(|way| way.resets.load(Ordering::Relaxed)).sum()
    }

    fn way(&self, from: &str, to: &str) -> Result<&Arc<Way>> {
        let way = self.ways.get(&(from.to_owned(), to.to_owned()));
        way.with_context(|| format!("{from} and {to} are no neighbours"))
    }
}

impl Way {
    /// Waits until its conditions are of some kind, and tells them.
    async fn once(&self, are: impl FnMut(&Conditions) -> bool) -> Conditions {
        let mut conditions = self.conditions.subscribe();
        let found = conditions.wait_for(are).await;
        *found.expect("this way, which holds the sender, is borrowed")
    }
}

/// Relays whoever connects, for as long as the proxy lives.
async fn serve(listener: TcpListener, target: SocketAddr, ways: [Arc<Way>; 2]) {
    while let Ok((inbound, _)) = listener.accept().await {
        tokio::spawn(relay(inbound, target, ways.clone()));
    }
}

#[cfg(test)]
mod tests;
