//! A herd whose links go through a proxy that counts bytes.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::ResilienceBench;
use crate::cluster::admin_client;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::proxy::Proxy;
use crate::cluster::test_herd::TestHerd;

/// The time between two questions to a node.
const POLL: Duration = Duration::from_millis(10);

/// The time for which nodes must learn nothing to count as silent.
const SILENCE: Duration = Duration::from_secs(1);

/// A herd without data folders, and its proxy. Both end when this is dropped.
pub(super) struct ProxiedHerd {
    pub(super) nodes: TestHerd,
    pub(super) proxy: Proxy,
}

impl ProxiedHerd {
    /// Prepares a herd. No node runs yet.
    pub(super) fn new(bench: &ResilienceBench, check: &str, file: &HerdFile) -> Result<ProxiedHerd> {
        let folder = bench.folder.join(check);
        let mut proxy = None;
        let nodes = TestHerd::new(file, |file, _| {
            let views = proxy.insert(Proxy::start(&file)?).views(&file)?;
            Processes::new(Setup { views, ..Setup::clean(file, bench.herd.clone(), folder) })
        })?;
        Ok(ProxiedHerd { nodes, proxy: proxy.context("a prepared herd has its proxy")? })
    }

    /// The number of bytes delivered in these directions, given as (from, to).
    pub(super) fn carried<'a>(
        &self,
        directions: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<u64> {
        directions.into_iter().map(|(from, to)| self.proxy.carried(from, to)).sum()
    }

    /// The number of clients that a node knows; `None` if its admin port does not answer in time.
    pub(super) fn known(&mut self, name: &str) -> Result<Option<u64>> {
        let address = self.nodes.admin(name)?.with_context(|| format!("{name} has ended"))?;
        Ok(admin_client::status(address).ok().and_then(|status| status["clients"].as_u64()))
    }

    /// Waits until nodes learn no more updates, so that no earlier flood is still in transit.
    pub(super) fn wait_until_silent(&mut self, names: &[&str], patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut before = None;
        loop {
            let sequences = names.iter().map(|name| self.sequence(name)).collect::<Result<Vec<_>>>()?;
            if before.as_ref() == Some(&sequences) && !sequences.contains(&None) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the nodes still learn updates after {patience:?}");
            before = Some(sequences);
            thread::sleep(SILENCE);
        }
    }

    /// The sequence of the update that a node learned last.
    fn sequence(&mut self, name: &str) -> Result<Option<u64>> {
        let address = self.nodes.admin(name)?.with_context(|| format!("{name} has ended"))?;
        Ok(admin_client::status(address).ok().and_then(|status| status["sequence"].as_u64()))
    }

    /// Waits until a node knows this number of clients.
    pub(super) fn wait_for(&mut self, name: &str, clients: u64, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.known(name)?.is_none_or(|known| known < clients) {
            ensure!(Instant::now() < deadline, "{name} does not know {clients} clients after {patience:?}");
            thread::sleep(POLL);
        }
        Ok(())
    }
}
