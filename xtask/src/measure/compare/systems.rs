//! The systems that are compared, and starting them.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use herd::config::Member;

use super::Bench;
use crate::cluster::bundled_guests::Peer;
use crate::cluster::graphs::Graph;
use crate::cluster::guest_program::guarded;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::PortBlock;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::load::Protocol;
use crate::load::flood::{Sender, Watch};
use crate::load::generator::Task;

/// How long a program may take to listen.
const READY: Duration = Duration::from_secs(10);

/// How often it is looked after meanwhile.
const POLL: Duration = Duration::from_millis(5);

/// Something that can be measured.
#[derive(Clone, Debug)]
pub(crate) enum System {
    /// This herd, with more arguments for its nodes.
    Herd(&'static str, &'static [&'static str]),
    /// This herd, asking for places at a URL.
    HerdAsking(String),
    /// A herd of another kind.
    Peer(Peer),
    /// Redis, with the command that stores a report.
    Redis(Protocol),
    /// Redis, passing messages on without keeping them.
    RedisChannel,
    /// A NATS cluster, likewise.
    Nats,
    /// A server that sends lines back.
    Echo,
}

/// How many nodes there are, and who else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One node alone.
    Lone,
    /// One node with four neighbours that only take what it says.
    Hub,
    /// Five nodes on the default graph; for Redis a primary with four replicas, for NATS a cluster of five.
    Five,
    /// The same, with a watcher at each node but the one that is sent to.
    FiveWatched,
}

/// A system that runs. It ends when dropped.
pub(crate) struct Running {
    /// What its nodes speak.
    pub(crate) protocol: Protocol,
    /// Where reports are taken: the first node first.
    pub(crate) nodes: Vec<SocketAddr>,
    /// Where everything must arrive.
    pub(crate) all: Vec<SocketAddr>,
    /// How updates are sent to its first node, one by one.
    pub(crate) sender: Sender,
    /// Its sinks or watchers.
    pub(crate) watchers: Vec<Watch>,
    /// The processes of its nodes.
    pub(crate) pids: Vec<u32>,
    /// What the nodes of a herd log, when it is one.
    pub(crate) processes: Option<TestHerd>,
    _programs: Vec<Program>,
    _ports: Option<PortBlock>,
}

/// A process that ends with this value, or with the harness.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl System {
    /// What it is called in reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            System::Herd(name, _) => name,
            System::HerdAsking(_) => "herd",
            System::Peer(peer) => peer.name,
            System::Redis(Protocol::Geoadd) => "redis-geoadd",
            System::Redis(_) => "redis-set",
            System::RedisChannel => "redis-pubsub",
            System::Nats => "nats",
            System::Echo => "echo",
        }
    }

    /// Starts it afresh, with nothing stored.
    ///
    /// # Errors
    /// It is not installed, or does not start; the message says what to do.
    pub(crate) fn start(&self, bench: &Bench, layout: Layout) -> Result<Running> {
        let started = match self {
            System::Herd(_, args) => herd(bench, layout, None, args),
            System::HerdAsking(url) => {
                herd(bench, layout, None, &["--places", "google-legacy", "--places-url", url])
            }
            System::Peer(peer) => herd(bench, layout, Some(peer), &[]),
            System::Redis(protocol) => redis(bench, layout, *protocol),
            System::RedisChannel => redis(bench, layout, Protocol::Set),
            System::Nats => nats(bench),
            System::Echo => echo(bench),
        };
        started.with_context(|| format!("{} cannot be measured", self.name()))
    }
}

fn herd(bench: &Bench, layout: Layout, peer: Option<&Peer>, args: &[&str]) -> Result<Running> {
    let default = || HerdFile::find("2015-winter");
    let file = match layout {
        Layout::Lone => HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone")?,
        Layout::Hub => HerdFile::parse(&Graph::Star.herd_file(5, 1), "a node with four neighbours")?,
        Layout::Five => default()?,
        Layout::FiveWatched => default()?.with_observers()?,
    };
    // More than any round reports.
    let file =
        file.with_limits("distinct_clients = 1000000000\nplaces_total = \"10m\"")?.with_free_places()?;
    let folder = bench.folder.join(peer.map_or("herd", |peer| peer.name));
    // Nobody's key: the only service that is ever asked is a stub of ours.
    let key = args.contains(&"--places-url").then(|| ("HERD_PLACES_KEY", Some("key-of-a-stub".into())));
    let data = args.contains(&"--durability").then(|| folder.join("data"));
    if let Some(data) = &data {
        // What an earlier round has left.
        let _ = std::fs::remove_dir_all(data);
    }
    let mut processes = TestHerd::new(&file, |file, _| match peer {
        Some(peer) => peer.template.herd(file, folder),
        None => Processes::new(Setup {
            args: args.iter().map(Into::into).collect(),
            variables: key.into_iter().collect(),
            data,
            ..Setup::clean(file, bench.herd.clone(), folder)
        }),
    })?;
    let members = processes.herd().members.clone();
    let runs = match layout {
        Layout::Hub => 1,
        Layout::Lone | Layout::Five | Layout::FiveWatched => members.len().min(5),
    };
    let names: Vec<String> = members[..runs].iter().map(|member| member.name.clone()).collect();
    processes.start(&names)?;
    let watch = |observer: &Member, node: &Member| match peer {
        Some(_) => Ok(Watch::Listener(observer.link)),
        None => Watch::link_of(&processes, &node.name, &observer.name),
    };
    let watchers: Result<Vec<Watch>> = match layout {
        Layout::Lone | Layout::Five => Ok(Vec::new()),
        Layout::Hub => members[1..].iter().map(|sink| watch(sink, &members[0])).collect(),
        Layout::FiveWatched => (1..5).map(|node| watch(&members[5 + node], &members[node])).collect(),
    };
    let watchers = watchers?;
    let nodes: Vec<SocketAddr> = members[..runs].iter().map(|member| member.client).collect();
    let mut pids = Vec::new();
    for name in &names {
        pids.push(processes.pid(name)?.context("a node has ended")?);
    }
    Ok(Running {
        protocol: Protocol::Iamat,
        sender: Sender::Iamat(nodes[0]),
        all: nodes.clone(),
        nodes,
        watchers,
        pids,
        processes: Some(processes),
        _programs: Vec::new(),
        _ports: None,
    })
}

fn redis(bench: &Bench, layout: Layout, protocol: Protocol) -> Result<Running> {
    let servers = if matches!(layout, Layout::Five | Layout::FiveWatched) { 5 } else { 1 };
    let ports = PortBlock::take(servers)?;
    let addresses: Vec<SocketAddr> = addresses(ports.first(), servers);
    let mut programs = Vec::new();
    // Replicas write there what they get first.
    let folder = bench.folder.display().to_string();
    for (number, address) in addresses.iter().enumerate() {
        let port = address.port().to_string();
        let mut words =
            vec!["redis-server", "--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly"];
        let primary = ports.first().to_string();
        words.extend(["no", "--repl-diskless-sync-delay", "0", "--daemonize", "no", "--dir", &folder]);
        if number > 0 {
            words.extend(["--replicaof", "127.0.0.1"]);
            words.push(&primary);
        }
        programs.push(run(&words, "apt install redis-server")?);
        wait_until_listening(*address)?;
    }
    for replica in &addresses[1..] {
        wait_until_replicating(*replica)?;
    }
    Ok(Running {
        protocol,
        nodes: vec![addresses[0]],
        sender: Sender::Publish(addresses[0]),
        watchers: addresses[1..].iter().map(|replica| Watch::Subscribe(*replica)).collect(),
        pids: programs.iter().map(|program| program.0.id()).collect(),
        all: addresses,
        processes: None,
        _programs: programs,
        _ports: Some(ports),
    })
}

fn nats(bench: &Bench) -> Result<Running> {
    let ports = PortBlock::take(10)?;
    let clients = addresses(ports.first(), 5);
    let routes: Vec<String> =
        addresses(ports.first() + 5, 5).iter().map(|address| format!("nats://{address}")).collect();
    let mut programs = Vec::new();
    for (client, route) in clients.iter().zip(&routes) {
        let log = bench.folder.join("nats.log").display().to_string();
        let (port, routes) = (client.port().to_string(), routes.join(","));
        let words =
            ["nats-server", "-a", "127.0.0.1", "-p", &port, "--cluster_name", "five", "--cluster", route];
        programs.push(run(
            &[&words[..], &["--routes", &routes, "-l", &log]].concat(),
            "apt install nats-server",
        )?);
    }
    clients.iter().try_for_each(|client| wait_until_listening(*client))?;
    Ok(Running {
        protocol: Protocol::Echo,
        sender: Sender::Nats(clients[0]),
        watchers: clients[1..].iter().map(|client| Watch::Nats(*client)).collect(),
        nodes: clients.clone(),
        all: clients,
        pids: programs.iter().map(|program| program.0.id()).collect(),
        processes: None,
        _programs: programs,
        _ports: Some(ports),
    })
}

fn echo(bench: &Bench) -> Result<Running> {
    let ports = PortBlock::take(1)?;
    let address = addresses(ports.first(), 1)[0];
    let program = Program(bench.generator.start(&Task::Echo(address))?);
    wait_until_listening(address)?;
    Ok(Running {
        protocol: Protocol::Echo,
        nodes: vec![address],
        all: vec![address],
        sender: Sender::Iamat(address),
        watchers: Vec::new(),
        pids: vec![program.0.id()],
        processes: None,
        _programs: vec![program],
        _ports: Some(ports),
    })
}

fn addresses(first: u16, count: u16) -> Vec<SocketAddr> {
    (first..first + count).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).collect()
}

/// Fails with what to install when a program of the system's is not there.
pub(crate) fn check_installed(program: &str, install: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian puts servers, which is not on everybody's path.
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.any(|folder| folder.join(program).exists());
    ensure!(found, "{program} is not installed: `{install}` (Debian)");
    Ok(())
}

fn run(words: &[&str], install: &str) -> Result<Program> {
    check_installed(words[0], install)?;
    let mut command: Command = guarded(words.iter().map(ToString::to_string));
    command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Program(command.spawn().context("cannot run a shell")?))
}

fn wait_until_listening(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + READY;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < deadline, "nothing listens on {address} after {READY:?}");
        thread::sleep(POLL);
    }
    Ok(())
}

fn wait_until_replicating(replica: SocketAddr) -> Result<()> {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(replica)?;
    stream.set_read_timeout(Some(READY))?;
    let deadline = Instant::now() + READY;
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(b"INFO replication\r\n")?;
        let length = stream.read(&mut buffer)?;
        let told = String::from_utf8_lossy(&buffer[..length]);
        if told.contains("master_link_status:up") {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("the replica {replica} has not reached its primary after {READY:?}");
        }
        thread::sleep(POLL);
    }
}
