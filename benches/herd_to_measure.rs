//! Herds of real node processes. The node program is a release build when the bench measures, and a
//! debug build when the bench runs as a test.

use std::net::SocketAddr;

use anyhow::Result;
use xtask::cluster::herd_file::{HerdFile, is_observer};
use xtask::cluster::processes::{Processes, Setup};
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary, target_dir};
use xtask::load::flood::Watch;

/// A running herd. Its nodes end when it is dropped.
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

    /// Starts all nodes of a herd. Each has an additional neighbour, which an
    /// [`Observer`](crate::Observer) can be.
    ///
    /// # Errors
    /// The nodes do not build or start.
    pub fn start_observed(file: &HerdFile) -> Result<HerdToMeasure> {
        HerdToMeasure::start_first(&file.with_observers()?, file.herd().members.len())
    }

    /// Starts the first `nodes` nodes of a herd. The bench can take the place of the others.
    ///
    /// # Errors
    /// The nodes do not build or start.
    pub fn start_first(file: &HerdFile, nodes: usize) -> Result<HerdToMeasure> {
        let program = herd_binary(profile())?;
        let target = target_dir()?;
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

    /// The address of a node for clients.
    ///
    /// # Errors
    /// The herd has no node of this name.
    pub fn client_address(&self, node: &str) -> Result<SocketAddr> {
        Ok(self.herd.member(node)?.client)
    }

    /// Returns how to watch the updates of `node` in the place of its neighbour `name`, which must
    /// not run.
    ///
    /// # Errors
    /// The herd has no node of this name.
    pub fn watch(&self, node: &str, name: &str) -> Result<Watch> {
        Watch::link_of(&self.herd, node, name)
    }
}

/// Returns whether criterion measures, which it does if cargo passes `--bench`. Otherwise it runs
/// each bench once, as a test.
pub fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn profile() -> Profile {
    if is_measured() { Profile::Release } else { Profile::Debug }
}
