//! A herd whose links go through a proxy, and a Prometheus that watches it.

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
use crate::chaos::proxy::{Conditions, Proxy};
use crate::chaos::small_disks::{self, SmallDisks};
use crate::cluster::admin_client;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::PortBlock;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::workspace::{Profile, herd_binary};
use crate::session::places_stub::{Mount, PlacesStub};

/// Bounds that are soon reached.
const LIMITS: &str = r#"
distinct_clients = 20
client_connections = 8
places_failures = 1
places_pause = "1s"
places_per_minute = 8
"#;

/// How long a node may take to answer a line.
const ANSWER: Duration = Duration::from_secs(10);

/// Everything that a fault can be made with.
pub(super) struct Stage {
    pub(super) nodes: Processes,
    pub(super) proxy: Proxy,
    pub(super) prometheus: Prometheus,
    /// Connections of clients that are kept.
    pub(super) clients: Vec<TcpStream>,
    /// Questions that have been asked and moves that have been reported, each another one.
    asked: u32,
    disks: Option<SmallDisks>,
    data: PathBuf,
    folder: PathBuf,
    _places: PlacesStub,
    _ports: PortBlock,
}

impl Stage {
    /// Starts a herd with disks of its own, if this process may make some, and Prometheus.
    pub(super) fn set(tools: &Tools, target: &Path, rules: &str) -> Result<Stage> {
        let folder = target.join("herd");
        let _ = fs::remove_dir_all(&folder);
        let file = HerdFile::find("2015-winter")?;
        let names: Vec<String> = file.herd().members.iter().map(|member| member.name.clone()).collect();
        let count = u16::try_from(names.len())?;
        // Clients, links and admin ports, and Prometheus.
        let ports = PortBlock::take(3 * count + 1)?;
        let (admin, prometheus) = (ports.first() + 2 * count, ports.first() + 3 * count);
        let data = folder.join("data");
        // Before there are other threads or processes, which have to see the disks.
        let disks = small_disks::can_be_mounted().then(|| SmallDisks::mount(&data, &names)).transpose()?;
        let places = PlacesStub::start()?;
        places.mount(&answer(500, Some(2))).map_err(anyhow::Error::msg)?;
        places.mount(&answer(200, None)).map_err(anyhow::Error::msg)?;
        let file = file.at_ports(ports.first())?.with_limits(LIMITS)?;
        let proxy = Proxy::start(&file)?;
        let mut setup = Setup {
            views: proxy.views(&file)?,
            data: disks.is_some().then(|| data.clone()),
            admin: Some(admin),
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
        let (clients, asked) = (Vec::new(), 0);
        Ok(Stage {
            nodes,
            proxy,
            prometheus,
            clients,
            asked,
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
        self.disks.as_ref().context("disks of our own take root")
    }

    pub(super) fn restart(&mut self, name: &str) -> Result<()> {
        let names = [name.to_owned()];
        self.nodes.kill(&names)?;
        self.nodes.start(&names)
    }

    /// Stops all nodes, and starts them again with nothing.
    pub(super) fn start_anew(&mut self) -> Result<()> {
        self.nodes.stop_all()?;
        for name in self.nodes.names().iter().filter(|_| self.disks.is_some()) {
            for file in fs::read_dir(self.data.join(name))? {
                fs::remove_file(file?.path()).context("cannot empty a data folder")?;
            }
        }
        self.nodes.start_all()
    }

    pub(super) fn signal(&mut self, name: &str, signal: Signal) -> Result<()> {
        let pid = self.nodes.pid(name)?.with_context(|| format!("{name} has ended"))?;
        kill(Pid::from_raw(pid.cast_signed()), signal).with_context(|| format!("cannot signal {name}"))
    }

    /// Cuts both ways between two nodes, or lets them be.
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
        stream.read_line(&mut answer).with_context(|| format!("{name} does not answer {line}"))?;
        Ok(answer)
    }

    /// Asks a node for places around a client, with a question that nobody has asked yet.
    pub(super) fn ask_for_places(&mut self, name: &str) -> Result<()> {
        ensure!(self.ask(name, "IAMAT kiwi +34.068930-118.445127 1")?.starts_with("AT "), "no answer");
        self.asked += 1;
        let radius = 1 + self.asked % 50;
        self.ask(name, &format!("WHATSAT kiwi {radius} 20")).map(drop)
    }

    /// Reports so many clients to a node.
    pub(super) fn report(&self, name: &str, clients: usize) -> Result<()> {
        (0..clients).try_for_each(|client| {
            let answer = self.ask(name, &format!("IAMAT client{client} +1+1 1"))?;
            ensure!(answer.starts_with("AT "), "a report was answered {answer:?}");
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
            ensure!(answer.starts_with("AT "), "a report was answered {answer:?}");
        }
        Ok(())
    }

    /// Lets a node open so many files more than it has open.
    pub(super) fn spare_files(&mut self, name: &str, more: u64) -> Result<()> {
        let address = self.nodes.admin(name)?.with_context(|| format!("{name} has ended"))?;
        let open =
            admin_client::status(address)?["process"]["open_fds"].as_u64().context("expected a count")?;
        let pid = self.nodes.pid(name)?.with_context(|| format!("{name} has ended"))?.to_string();
        let limit = format!("--nofile={}:", open + more);
        let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        ensure!(done.context("cannot run prlimit, of util-linux")?.success(), "prlimit failed");
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
