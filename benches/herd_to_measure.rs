//! Real node processes, built for speed when they are measured and quickly when the bench only runs as a test.

use std::net::SocketAddr;

use anyhow::Result;
use xtask::cluster::herd_file::{HerdFile, is_observer};
use xtask::cluster::processes::{Processes, Setup};
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary, target_dir};
use xtask::load::flood::Watch;

/// A running herd. Its nodes end with it.
#[derive(Debug)]
pub struct HerdToMeasure {
    herd: TestHerd,
}

impl HerdToMeasure {
    /// Starts all nodes of a herd.
    ///
    /// # Errors
    /// The nodes do not build or start.
    pub fn start(file: &HerdFile) -> Result<HerdToMeasure> {
        HerdToMeasure::start_first(file, file.herd().members.len())
    }

    /// Starts all nodes of a herd, each with one more neighbour, named after it, that an [`Observer`](crate::Observer) can
    /// be.
    ///
    /// # Errors
    /// The nodes do not build or start.
    pub fn start_observed(file: &HerdFile) -> Result<HerdToMeasure> {
        HerdToMeasure::start_first(&file.with_observers()?, file.herd().members.len())
    }

    /// Starts the first nodes of a herd. The others are for the bench to be.
    ///
    /// # Errors
    /// The nodes do not build or start.
    pub fn start_first(file: &HerdFile, nodes: usize) -> Result<HerdToMeasure> {
        let (program, target) = (herd_binary(profile())?, target_dir()?);
        let file = file.with_limits("distinct_clients = 1000000000")?;
        let mut herd = TestHerd::new(&file, |file, port| {
            let folder = target.join("bench").join(format!("herd-{port}"));
            Processes::new(Setup::clean(file, program, folder))
        })?;
        let names = herd.names();
        herd.start(&names[..nodes])?;
        Ok(HerdToMeasure { herd })
    }

    /// The names of the nodes, without observers.
    pub fn nodes(&self) -> Vec<String> {
        self.herd.names().into_iter().filter(|name| !is_observer(name)).collect()
    }

    /// Where a node listens for clients.
    ///
    /// # Errors
    /// There is no such node.
    pub fn client_address(&self, node: &str) -> Result<SocketAddr> {
        Ok(self.herd.member(node)?.client)
    }

    /// Being a neighbour of a node that only watches, in place of a member that does not run.
    ///
    /// # Errors
    /// There is no such node.
    pub fn watch(&self, node: &str, name: &str) -> Result<Watch> {
        Watch::link_of(&self.herd, node, name)
    }
}

/// Whether criterion measures: when cargo says `--bench`. Otherwise it runs each bench once.
pub fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn profile() -> Profile {
    if is_measured() { Profile::Release } else { Profile::Debug }
}
