//! Real node processes, built for speed when they are measured and quickly when the bench only runs as a test.

use std::net::SocketAddr;

use anyhow::Result;
use xtask::herd_file::{HerdFile, is_observer};
use xtask::ports::PortBlock;
use xtask::processes::{Processes, Setup};
use xtask::workspace::{Profile, herd_binary, target_dir};

/// A running herd. Its nodes end with it.
#[derive(Debug)]
pub struct HerdToMeasure {
    processes: Processes,
    _ports: PortBlock,
}

impl HerdToMeasure {
    /// Starts the herd of `fixtures/herds` with this name. With `observed`, every node has one more neighbour, named
    /// after it, that an [`Observer`](crate::Observer) can be.
    ///
    /// # Errors
    /// The nodes do not build or start.
    pub fn start(name: &str, observed: bool) -> Result<HerdToMeasure> {
        let mut file = HerdFile::find(name)?;
        if observed {
            file = file.with_observers()?;
        }
        let nodes = u16::try_from(file.herd().members.len())?;
        let ports = PortBlock::take(2 * nodes)?;
        let folder = target_dir()?.join("bench").join(format!("{name}-{}", ports.first()));
        let setup = Setup::clean(file.at_ports(ports.first())?, herd_binary(profile())?, folder);
        let mut processes = Processes::new(setup)?;
        let nodes: Vec<String> = processes.names().into_iter().filter(|name| !is_observer(name)).collect();
        processes.start(&nodes)?;
        Ok(HerdToMeasure { processes, _ports: ports })
    }

    /// The names of the nodes, without observers.
    pub fn nodes(&self) -> Vec<String> {
        self.processes.names().into_iter().filter(|name| !is_observer(name)).collect()
    }

    /// Where a node listens for clients.
    ///
    /// # Errors
    /// There is no such node.
    pub fn client_address(&self, node: &str) -> Result<SocketAddr> {
        Ok(self.processes.member(node)?.client)
    }

    /// Where a node listens for links.
    ///
    /// # Errors
    /// There is no such node.
    pub fn link_address(&self, node: &str) -> Result<SocketAddr> {
        Ok(self.processes.member(node)?.link)
    }
}

/// Criterion measures when cargo says `--bench`, and otherwise runs each bench once.
fn profile() -> Profile {
    if std::env::args().any(|argument| argument == "--bench") { Profile::Release } else { Profile::Debug }
}
