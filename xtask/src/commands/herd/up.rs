//! `herd-up`: start every node of a herd, in the foreground or detached.

use std::env;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use herd::dashboard::Dashboard;
use serde_json::Value;

use super::browser::open_in_browser;
use super::dashboard::{KEEP_SECRET, bind_dashboard};
use super::detach::{READY_LINE, detach};
use super::log_lines::describe_level;
use super::status_table::{StatusColumns, status_table};
use crate::cluster::backbone::{JoinedHerds, NatsServers, SERVERS, copies, nats_server};
use crate::cluster::bundled_guests::{find_guest, guest_names};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::is_free;
use crate::cluster::processes::{Environment, INSECURE_LINKS, Processes, Setup};
use crate::cluster::proxy::Proxy;
use crate::cluster::supervisor::{HerdLock, Records, SupervisedHerd, supervise};
use crate::cluster::workspace::{Profile, herd_binary};
use crate::commands::arguments::variant_of;
use crate::commands::print::{output_width, print, print_progress};

mod places;

use places::PlacesArgs;

/// Which herd to start, and how.
#[derive(Clone, Debug, Args)]
pub struct HerdUpArgs {
    /// A herd of fixtures/herds by its name, or a herd file
    #[arg(long, visible_alias = "config", value_name = "NAME|FILE", default_value = "2015-winter")]
    herd: String,

    /// Start a generated herd of N nodes instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100), conflicts_with = "herd")]
    nodes: Option<u16>,

    /// The shape of the generated herd
    #[arg(long, value_name = "SHAPE", requires = "nodes", default_value_t = Graph::Ring, value_parser = variant_of::<Graph>())]
    graph: Graph,

    /// Run the program of a peer instead: a herd on Twisted, asyncio or Node.js
    #[arg(long, value_name = "PEER", value_parser = PossibleValuesParser::new(guest_names()), conflicts_with_all = ["places", "places_file", "data_dir", "memory", "insecure_links", "release", "backbone", "dashboard", "proxy_links"])]
    pub(super) peer: Option<String>,

    /// Use ports from this one instead of those in the herd file: first client ports, then link
    /// ports, then admin ports
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,

    #[command(flatten)]
    places: PlacesArgs,

    /// Keep the nodes' records in this folder, and start with the records that it has [default: a
    /// folder beside the logs, which herd-up empties; restarted and killed nodes keep their
    /// records]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,

    /// Keep records in memory only; a restarted node gets them from its neighbours
    #[arg(long, conflicts_with = "data_dir")]
    memory: bool,

    /// Use plain TCP for links, so that other tools can read them; anyone who can reach a link port
    /// can then pose as a neighbour
    #[arg(long)]
    insecure_links: bool,

    /// Build the nodes with optimizations, and do not log the lines of clients and links
    #[arg(long)]
    release: bool,

    /// Return when the herd is ready, and leave it running
    #[arg(long)]
    detach: bool,

    /// Start a copy of the herd in each of several regions, and three NATS servers that join them
    #[arg(long)]
    backbone: bool,

    /// The number of regions
    #[arg(long, value_name = "N", requires = "backbone", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=9))]
    regions: u16,

    /// Run the links through proxies, so that `herd-cut` can cut them; that costs processor time,
    /// so do not measure such a herd
    #[arg(long)]
    proxy_links: bool,

    /// Serve a live page of the herd; implies --proxy-links, so that the page can cut links
    #[arg(long)]
    dashboard: bool,

    /// Open the page in a browser
    #[arg(long, requires = "dashboard")]
    open: bool,

    /// Supervise the nodes for a detached herd-up, with this node program
    #[arg(long, hide = true, value_name = "PROGRAM")]
    supervise: Option<PathBuf>,
}

/// The first port of generated herds: that of the classroom herds.
const GENERATED_FROM: u16 = 12_480;

/// The most bytes of the logs of all nodes together. Under load, nodes that log every line write
/// this much in about ten seconds.
const LOGS_BYTES: u32 = 256 * 1024 * 1024;

const HOW_TO: &str = "
Talk to a node:  cargo xtask say Alford 'IAMAT kiwi +34.0689-118.4451 1520023934.9'
                 telnet localhost PORT, with a PORT from the ADDRESS column
Look at a node:  curl 127.0.0.1:PORT/status, with a PORT from the ADMIN column
See also:        cargo xtask herd-status --watch | herd-logs -f | herd-restart
Break it:        cargo xtask herd-kill | herd-pause | herd-cut; herd-heal mends it
Lines logged:    LEVEL
";

impl HerdUpArgs {
    /// Starts the herd. In the foreground, returns when the herd has been stopped.
    ///
    /// # Errors
    /// The herd cannot start. Nodes that have started are killed.
    pub fn start_herd(self) -> Result<()> {
        if let Some(program) = &self.supervise {
            nix::unistd::setsid().context("cannot leave the terminal")?;
            // If the detaching herd-up was interrupted, its user does not expect a running herd:
            // this write then fails, and the nodes are killed.
            return self.supervise(program, |text, dashboard| {
                let url = dashboard.unwrap_or_default();
                writeln!(stdout().lock(), "{text}{READY_LINE}{url}")
                    .context("the herd-up of this herd has exited")
            });
        }
        // Fail before the build, which takes long. The supervisor takes the lock again.
        drop(HerdLock::take()?);
        self.herds()?;
        if self.backbone {
            nats_server(&print_progress)?;
        }
        let program = match &self.peer {
            // This installs the packages that the peer needs.
            Some(peer) => find_guest(peer, &print_progress)?.name.into(),
            None => herd_binary(if self.release { Profile::Release } else { Profile::Debug })?,
        };
        if self.detach {
            return detach(&program, self.open);
        }
        self.supervise(&program, |text, dashboard| {
            print(&format!("{text}\nCtrl-C stops the herd.\n"))?;
            dashboard.filter(|_| self.open).map_or(Ok(()), open_in_browser)
        })
    }

    /// Starts the nodes, and supervises them until the herd is stopped. When the nodes are ready,
    /// `announce` gets the text for the user and the address of the dashboard, if there is one.
    fn supervise(
        &self,
        program: &Path,
        announce: impl FnOnce(String, Option<&str>) -> Result<()>,
    ) -> Result<()> {
        if let Some(peer) = &self.peer {
            return self.supervise_peer(peer, |text| announce(text, None));
        }
        // Locals are dropped in reverse order: the lock must not become free before the nodes have
        // exited.
        let lock = HerdLock::take()?;
        let (file, joined) = self.herds()?;
        check_ports(&file)?;
        let folder = lock.folder_of(&file.herd().name)?;
        let records = self.records(&folder);
        records.empty()?;
        // The second thread answers other commands and serves the Places stub while the supervisor
        // waits for its nodes.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let has_proxy = self.dashboard || self.proxy_links;
        let proxy = has_proxy.then(|| Proxy::start(&file)).transpose()?;
        let dashboard =
            self.dashboard.then(|| bind_dashboard(&runtime, file.herd(), true, None)).transpose()?;
        let url = dashboard.as_ref().map(Dashboard::url);
        let mut views = proxy.as_ref().map(|proxy| proxy.views(&file)).transpose()?.unwrap_or_default();
        let servers = joined
            .as_ref()
            .map(|_| NatsServers::start(nats_server(&print_progress)?, folder.join("nats"), SERVERS));
        let servers = servers.transpose()?;
        if let (Some(joined), Some(servers)) = (&joined, &servers) {
            views = joined.views(&views, &servers.backbone())?;
        }
        let setup = runtime.block_on(self.setup(file, program, folder, &records))?;
        let processes = Processes::new(Setup { views, ..setup })?;
        let mut herd = SupervisedHerd { processes, peer: None, records, proxy, servers };
        herd.processes.start_all()?;
        let first = herd.processes.names().into_iter().next().unwrap_or_default();
        let on_ready = |status: &Value| {
            dashboard.map(|dashboard| runtime.spawn(dashboard.serve()));
            let name = status["herd"].as_str().unwrap_or_default();
            let table = status_table(status, StatusColumns::Fitted(output_width()));
            let level = describe_level(&self.log_level());
            let how_to = HOW_TO.replace("Alford", &first).replace("LEVEL", &level);
            let seen = url.as_ref().map(|url| format!("Dashboard:       {url}\n{KEEP_SECRET}\n"));
            let regions = joined.as_ref().map(describe_regions).unwrap_or_default();
            let seen = seen.unwrap_or_default();
            announce(format!("herd {name}\n\n{table}{regions}{how_to}{seen}"), url.as_deref())
        };
        let result = runtime.block_on(supervise(&lock, &mut herd, on_ready));
        // The dashboard may be waiting for an action of the supervisor, which has ended.
        runtime.shutdown_background();
        result
    }

    /// Returns how to start the nodes. Starts the stub of the Places service if it is chosen.
    async fn setup(
        &self,
        file: HerdFile,
        program: &Path,
        folder: PathBuf,
        records: &Records,
    ) -> Result<Setup> {
        let mut setup = Setup {
            data: records.folder().map(Path::to_owned),
            environment: Environment::Inherited,
            ..Setup::clean(file, program.to_owned(), folder)
        };
        setup.variables.push(("HERD_LOG_LEVEL", Some(self.log_level().into())));
        if self.insecure_links {
            setup.args.push(INSECURE_LINKS.into());
        }
        self.places.add_to(&mut setup).await?;
        Ok(setup)
    }

    /// Returns the level of the nodes' logs. At debug they show every line of clients and links,
    /// which those who try out or debug a herd want to see, and those who measure one do not.
    fn log_level(&self) -> String {
        let chosen = env::var("HERD_LOG_LEVEL").ok().filter(|level| !level.is_empty());
        chosen.unwrap_or_else(|| if self.release { "info" } else { "debug" }.to_owned())
    }

    /// Returns the chosen or generated herd file, at the chosen ports.
    pub(super) fn herd_file(&self) -> Result<HerdFile> {
        let file = match self.nodes {
            Some(nodes) => {
                HerdFile::parse(&self.graph.herd_file(nodes, GENERATED_FROM), "the generated herd")?
            }
            None => HerdFile::find(&self.herd)?,
        };
        let file = self.base_port.map_or_else(|| Ok(file.clone()), |port| file.at_ports(port))?;
        if self.peer.is_some() { Ok(file) } else { file.with_admin_ports() }
    }

    /// Returns the herd file of all nodes and, with a backbone, the regions.
    fn herds(&self) -> Result<(HerdFile, Option<JoinedHerds>)> {
        let file = self.herd_file()?;
        if !self.backbone {
            return Ok((with_bounded_logs(&file)?, None));
        }
        let mut joined = copies(&file, self.regions, self.base_port.unwrap_or(GENERATED_FROM))?;
        joined.file = with_bounded_logs(&joined.file.with_admin_ports()?)?;
        Ok((joined.file.clone(), Some(joined)))
    }

    /// Returns where the nodes keep their records.
    fn records(&self, folder: &Path) -> Records {
        match &self.data_dir {
            _ if self.memory => Records::Memory,
            Some(chosen) => Records::Kept(chosen.clone()),
            None => Records::Emptied(folder.join("data")),
        }
    }
}

/// Bounds the logs of all nodes together. Each node has at most two files.
fn with_bounded_logs(file: &HerdFile) -> Result<HerdFile> {
    file.with_log_bound(LOGS_BYTES / 2 / file.herd().members.len().max(1) as u32)
}

/// Returns a line about each region.
fn describe_regions(joined: &JoinedHerds) -> String {
    let lines = joined.regions.iter().map(|(region, nodes)| format!("{region}: {}\n", nodes.join(", ")));
    format!("\n{}", lines.collect::<String>())
}

/// Fails if a port is in use, before any node starts, so that the message can name the node that
/// needs it.
pub(super) fn check_ports(file: &HerdFile) -> Result<()> {
    for member in &file.herd().members {
        let ports = [
            (Some(member.client), "clients"),
            (Some(member.link), "links"),
            (member.admin, "operators"),
            (member.metrics, "metrics"),
        ];
        for (address, users) in ports.into_iter().filter_map(|(address, users)| Some((address?, users))) {
            if address.ip().is_loopback() && address.port() != 0 && !is_free(address) {
                let (port, name) = (address.port(), &member.name);
                bail!(
                    "port {port}, which {name} needs for its {users}, is in use: choose others with --base-port"
                );
            }
        }
    }
    Ok(())
}
