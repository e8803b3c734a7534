//! A herd that a Prometheus watches, and the tools that inject faults into it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::alerts::prometheus::{Prometheus, Tools};
use crate::chaos::small_disks::{self, SmallDisks};
use crate::cluster::admin_client;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::PortBlock;
use crate::cluster::processes::{AdminPorts, Processes, Setup};
use crate::cluster::proxy::{Conditions, Proxy};
use crate::cluster::workspace::{Profile, herd_binary};
use crate::session::places_stub::{Mount, PlacesStub};

/// Limits that are reached quickly.
const LIMITS: &str = r#"
distinct_clients = 20
client_connections = 8
places_failures = 1
places_pause = "1s"
places_per_minute = 8
"#;

/// The timeout of an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A running herd, its Prometheus, and the tools of faults. All of it ends when this is dropped.
pub(super) struct WatchedHerd {
    pub(super) nodes: Processes,
    pub(super) proxy: Proxy,
    pub(super) prometheus: Prometheus,
    /// Connections of clients that stay open.
    pub(super) clients: Vec<TcpStream>,
    /// The number of questions and moves so far, which makes each of them different.
    asked: u32,
    disks: Option<SmallDisks>,
    data: PathBuf,
    folder: PathBuf,
    _places: PlacesStub,
    _ports: PortBlock,
}

impl WatchedHerd {
    /// Starts Prometheus and a herd. The nodes have small disks if this process may mount some.
    pub(super) fn start(tools: &Tools, target: &Path, rules: &str) -> Result<WatchedHerd> {
        let folder = target.join("herd");
        let _ = fs::remove_dir_all(&folder);
        let file = HerdFile::find("2015-winter")?;
        let names: Vec<String> = file.herd().members.iter().map(|member| member.name.clone()).collect();
        let count = u16::try_from(names.len())?;
        // A node needs ports for clients, links and its admin port; the last port is Prometheus'.
        let ports = PortBlock::take(3 * count + 1)?;
        let (admin, prometheus) = (ports.first() + 2 * count, ports.first() + 3 * count);
        let data = folder.join("data");
        // Only threads and processes that start later see the disks, so this must come first.
        let disks = small_disks::can_be_mounted().then(|| SmallDisks::mount(&data, &names)).transpose()?;
        let places = PlacesStub::start()?;
        places.mount(&answer(500, Some(2))).map_err(anyhow::Error::msg)?;
        places.mount(&answer(200, None)).map_err(anyhow::Error::msg)?;
        let file = file.at_ports(ports.first())?.with_limits(LIMITS)?;
        let proxy = Proxy::start(&file)?;
        let mut setup = Setup {
            views: proxy.views(&file)?,
            data: disks.is_some().then(|| data.clone()),
            admin: AdminPorts::From(admin),
            ..Setup::clean(file, herd_binary(Profile::Debug)?, folder.clone())
        };
        let service = ["--places", "google-legacy", "--places-url", &places.url()].map(Into::into);
        setup.args.extend(service);
        setup.variables.push(("HERD_PLACES_KEY", Some("a-key-of-nobody".into())));
        let mut nodes = Processes::new(setup)?;
        nodes.start_all()?;
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let targets: Vec<(String, SocketAddr)> = names.into_iter().zip((admin..).map(at)).collect();
        let prometheus = Prometheus::start(tools, &target.join("data"), at(prometheus), &targets, rules)?;
        Ok(WatchedHerd {
            nodes,
            proxy,
            prometheus,
            clients: Vec::new(),
            asked: 0,
            disks,
            data,
            folder,
            _places: places,
            _ports: ports,
        })
    }

    pub(super) fn has_disks(&self) -> bool {
        self.disks.is_some()
    }

    pub(super) fn disks(&self) -> Result<&SmallDisks> {
        self.disks.as_ref().context("disk-full needs root, to mount a small disk for each node")
    }

    pub(super) fn restart(&mut self, name: &str) -> Result<()> {
        let names = [name.to_owned()];
        self.nodes.kill(&names)?;
        self.nodes.start(&names)
    }

    /// Stops all nodes, and starts them again without records.
    pub(super) fn restart_empty(&mut self) -> Result<()> {
        self.nodes.stop_all()?;
        for name in self.nodes.names().iter().filter(|_| self.disks.is_some()) {
            for file in fs::read_dir(self.data.join(name))? {
                fs::remove_file(file?.path()).with_context(|| format!("cannot empty the data of {name}"))?;
            }
        }
        self.nodes.start_all()
    }

    pub(super) fn signal(&mut self, name: &str, signal: Signal) -> Result<()> {
        let pid = self.nodes.pid(name)?.with_context(|| format!("{name} has ended"))?;
        kill(Pid::from_raw(pid.cast_signed()), signal).with_context(|| format!("cannot signal {name}"))
    }

    /// Cuts the links between two nodes, or restores them.
    pub(super) fn cut(&self, one: &str, other: &str, cut: bool) -> Result<()> {
        let conditions = Conditions { cut, ..Conditions::default() };
        self.proxy.set_conditions(one, other, conditions)?;
        self.proxy.set_conditions(other, one, conditions)
    }

    pub(super) fn connect(&self, name: &str) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.nodes.member(name)?.client)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(stream)
    }

    /// Sends a line to a node, and returns the first line of the answer.
    pub(super) fn ask(&self, name: &str, line: &str) -> Result<String> {
        let mut stream = BufReader::new(self.connect(name)?);
        stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_line(&mut answer).with_context(|| format!("{name} did not answer {line:?}"))?;
        Ok(answer)
    }

    /// Asks a node for places around a client. The question differs from the last 49.
    pub(super) fn ask_for_places(&mut self, name: &str) -> Result<()> {
        ensure!(
            self.ask(name, "IAMAT kiwi +34.068930-118.445127 1")?.starts_with("AT "),
            "{name} did not answer a report"
        );
        self.asked += 1;
        let radius = 1 + self.asked % 50;
        self.ask(name, &format!("WHATSAT kiwi {radius} 20")).map(drop)
    }

    /// Reports this number of clients to a node.
    pub(super) fn report(&self, name: &str, clients: usize) -> Result<()> {
        (0..clients).try_for_each(|client| {
            let answer = self.ask(name, &format!("IAMAT client{client} +1+1 1"))?;
            ensure!(answer.starts_with("AT "), "expected an AT line, not {answer:?}");
            Ok(())
        })
    }

    /// Reports to a node, many times, that a client has moved.
    pub(super) fn move_a_client(&mut self, name: &str) -> Result<()> {
        const MOVES: u32 = 20;
        let mut stream = BufReader::new(self.connect(name)?);
        for _ in 0..MOVES {
            self.asked += 1;
            let line = format!("IAMAT kiwi +34.068930-118.445127 {}.5\n", self.asked);
            stream.get_mut().write_all(line.as_bytes())?;
            let mut answer = String::new();
            stream.read_line(&mut answer)?;
            ensure!(answer.starts_with("AT "), "expected an AT line, not {answer:?}");
        }
        Ok(())
    }

    /// Limits a node's open files to those that it has open and `more`.
    pub(super) fn spare_files(&mut self, name: &str, more: u64) -> Result<()> {
        let address = self.nodes.admin(name)?.with_context(|| format!("{name} has ended"))?;
        let open = admin_client::status(address)?["process"]["open_fds"]
            .as_u64()
            .context("expected a number of open files in the status")?;
        let pid = self.nodes.pid(name)?.with_context(|| format!("{name} has ended"))?.to_string();
        let limit = format!("--nofile={}:", open + more);
        let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        ensure!(done.context("cannot run prlimit; install util-linux")?.success(), "prlimit failed");
        Ok(())
    }

    /// The folder of the herd's certificates.
    pub(super) fn certificates(&self) -> PathBuf {
        self.folder.join("certs")
    }
}

fn answer(status: u16, times: Option<u64>) -> Mount {
    let body = Some("nearby-20.json".to_owned());
    Mount { body, status, delay: Duration::ZERO, times, parameters: Vec::new() }
}
