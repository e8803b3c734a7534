//! A herd whose links go through a proxy that counts bytes.

use anyhow::{Context, Result};

use super::ResilienceBench;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::proxy::Proxy;
use crate::cluster::test_herd::TestHerd;

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
}
