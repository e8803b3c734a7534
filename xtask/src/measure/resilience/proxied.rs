//! A herd whose links go through a proxy that counts.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Bench;
use crate::chaos::proxy::Proxy;
use crate::cluster::admin_client;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;

/// How often nodes are asked what they know.
const LOOK: Duration = Duration::from_millis(10);

/// Nodes in memory, and what is between them. They end with this value.
pub(super) struct Proxied {
    pub(super) nodes: TestHerd,
    pub(super) proxy: Proxy,
}

impl Proxied {
    /// Prepares a herd; no node runs yet.
    pub(super) fn new(bench: &Bench, check: &str, file: &HerdFile) -> Result<Proxied> {
        let folder = bench.folder.join(check);
        let mut proxy = None;
        let nodes = TestHerd::new(file, |file, _| {
            let views = proxy.insert(Proxy::start(&file)?).views(&file)?;
            Processes::new(Setup { views, ..Setup::clean(file, bench.herd.clone(), folder) })
        })?;
        Ok(Proxied { nodes, proxy: proxy.context("a prepared herd has its proxy")? })
    }

    /// How many bytes have gone over some ways.
    pub(super) fn carried<'a>(&self, ways: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<u64> {
        ways.into_iter().map(|(from, to)| self.proxy.carried(from, to)).sum()
    }

    /// How many clients a node knows; `None` if it is too busy to tell.
    pub(super) fn known(&mut self, name: &str) -> Result<Option<u64>> {
        let address = self.nodes.admin(name)?.with_context(|| format!("{name} has ended"))?;
        Ok(admin_client::status(address).ok().and_then(|status| status["clients"].as_u64()))
    }

    /// Waits until a node knows so many clients.
    pub(super) fn wait_for(&mut self, name: &str, clients: u64, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.known(name)?.is_none_or(|known| known < clients) {
            ensure!(Instant::now() < deadline, "{name} does not know {clients} clients after {patience:?}");
            thread::sleep(LOOK);
        }
        Ok(())
    }
}
