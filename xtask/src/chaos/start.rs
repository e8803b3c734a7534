//! How the herd of a run is set up: its servers, proxies and nodes.

use anyhow::{Context, Result};
use toml::Value;

use super::clients::Clients;
use super::fault::{FaultName, HerdShape};
use super::herd_under_test::HerdUnderTest;
use super::small_disks::SmallDisks;
use super::{Chaos, Progress};
use crate::cluster::backbone::{Backbone, JoinedHerds, NatsServers, SERVERS, nats_server};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{INSECURE_LINKS, Processes, Setup};
use crate::cluster::proxy::Proxy;
use crate::cluster::test_herd::TestHerd;
use crate::oracle::{History, Persistence, Setting, Source};

/// The time in which a live node must answer on a busy machine, in microseconds.
const PATIENCE: u64 = 5_000_000;

/// The most memory that a node may use, in bytes: more than one with some hundred clients needs.
const MEMORY: u64 = 256 * 1024 * 1024;

impl Chaos {
    /// Starts the servers and the proxies that the faults need, and prepares the nodes.
    pub(super) fn prepare(&self, progress: Progress) -> Result<HerdUnderTest> {
        let names: Vec<String> = self.file.herd().members.iter().map(|member| member.name.clone()).collect();
        let disks = self
            .may_happen(FaultName::DiskFull)
            .then(|| SmallDisks::mount(&self.folder.join("data"), &names))
            .transpose()?;
        let mut servers = self.start_servers(progress)?;
        let (servers_proxy, backbone) = match &mut servers {
            Some(servers) => self.proxied_backbone(servers)?,
            None => (None, None),
        };
        let mut proxy = None;
        let mut processes = TestHerd::new(&self.file, |file, _| {
            if self.faults.iter().any(|fault| fault.is_of_links()) {
                proxy = Some(Proxy::start(&file)?);
            }
            Processes::new(self.setup(file, proxy.as_ref(), backbone.as_ref())?)
        })?;
        for name in &names {
            processes.set_program(name, self.former.clone())?;
        }
        let clients = Clients::new(self.history(&names));
        let has_data = self.durability != Persistence::Memory;
        Ok(HerdUnderTest {
            processes,
            clients,
            proxy,
            servers_proxy,
            disks,
            program: self.program.clone(),
            former: self.former.clone(),
            data: has_data.then(|| self.folder.join("data")),
            servers,
            regions: self.regions.iter().flatten().map(|(name, _)| name.clone()).collect(),
            names,
        })
    }

    /// Starts the servers of the backbone, if the herd is on one.
    fn start_servers(&self, progress: Progress) -> Result<Option<NatsServers>> {
        if self.regions.is_none() {
            return Ok(None);
        }
        // A line that cannot be shown does not matter.
        let program = nats_server(&|line| drop((progress.text)(&format!("{line}\n"))))?;
        NatsServers::start(program, self.folder.join("nats"), SERVERS).map(Some)
    }

    /// Returns the settings of the nodes, and the proxy through which each region reaches the
    /// servers, if a fault cuts it off.
    fn proxied_backbone(&self, servers: &mut NatsServers) -> Result<(Option<Proxy>, Option<Backbone>)> {
        let mut backbone = servers.backbone();
        if !self.may_happen(FaultName::RegionCut) {
            return Ok((None, Some(backbone)));
        }
        let servers = servers.known();
        let regions = || self.regions.iter().flatten().map(|(region, _)| region);
        let routes = regions().flat_map(|region| {
            servers.iter().map(|server| (region.clone(), server.name.clone(), server.client))
        });
        let proxy = Proxy::between(routes.collect())?;
        for region in regions() {
            let address = |name: &str| proxy.address(region, name).context("each region has each server");
            let urls = servers.iter().map(|server| Ok(format!("nats://{}", address(&server.name)?)));
            backbone.urls_of.insert(region.clone(), urls.collect::<Result<_>>()?);
        }
        Ok((Some(proxy), Some(backbone)))
    }

    /// Whether nodes hold only some shards.
    fn is_divided(&self) -> bool {
        self.file.herd().members.iter().any(|member| member.holds.is_some())
    }

    fn may_happen(&self, fault: FaultName) -> bool {
        self.faults.contains(&fault)
    }

    /// The nodes, links, servers and regions that faults are drawn for.
    pub(super) fn shape(&self) -> HerdShape {
        let members = &self.file.herd().members;
        let place = |name: &String| members.iter().position(|member| member.name == *name);
        let pairs = members.iter().enumerate().flat_map(|(one, member)| {
            member.neighbours.iter().filter_map(place).map(move |other| (one, other))
        });
        let edges = pairs.filter(|(one, other)| one < other).collect();
        let regions = self.regions.iter().flatten();
        let regions: Vec<Vec<usize>> =
            regions.map(|(_, nodes)| nodes.iter().filter_map(place).collect()).collect();
        let servers = if regions.is_empty() { 0 } else { usize::from(SERVERS) };
        HerdShape { nodes: members.len(), edges, servers, regions }
    }

    fn setup(&self, file: HerdFile, proxy: Option<&Proxy>, backbone: Option<&Backbone>) -> Result<Setup> {
        let mut views = proxy.map(|proxy| proxy.views(&file)).transpose()?.unwrap_or_default();
        if let (Some(regions), Some(backbone)) = (&self.regions, backbone) {
            let joined = JoinedHerds { file: file.clone(), regions: regions.clone() };
            let mut backbone = backbone.clone();
            if let Some(table) = self.file.herd().backbone.as_ref().filter(|_| self.is_divided()) {
                backbone.keys.insert("shards".to_owned(), Value::from(i64::from(table.shards)));
            }
            views = joined.views(&views, &backbone)?;
        }
        let mut setup = Setup::clean(file, self.program.clone(), self.folder.join("herd"));
        setup.views = views;
        setup.args.extend(["--log-format", "json"].map(Into::into));
        if self.insecure_links {
            setup.args.push(INSECURE_LINKS.into());
        }
        if self.durability != Persistence::Memory {
            setup.data = Some(self.folder.join("data"));
            setup.args.extend(["--durability".into(), self.durability.to_string().into()]);
        }
        Ok(setup)
    }

    fn history(&self, names: &[String]) -> History {
        History::new(Setting {
            nodes: names.to_vec(),
            edges: self.shape().edges.len(),
            entries: 0,
            durability: self.durability,
            source: Source::Processes,
            patience: PATIENCE,
            memory: MEMORY,
            divided: self.is_divided(),
            calm: None,
            leap: None,
            command: self.command.clone(),
        })
    }
}
