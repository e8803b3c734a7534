//! Starts Redis, NATS and the echo server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{HerdLayout, RunningSystem};
use crate::cluster::guest_program::guarded;
use crate::cluster::ports::PortBlock;
use crate::load::Protocol;
use crate::load::flood::{Sender, Watch};
use crate::load::generator::Task;
use crate::measure::compare::CompareBench;

/// The timeout until a program listens.
const READY: Duration = Duration::from_secs(10);

/// The time between two checks whether a program is ready.
const POLL: Duration = Duration::from_millis(5);

/// A process that is killed when it is dropped, or when the harness ends.
pub(super) struct Program(pub(super) Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a Redis server, and four replicas of it for a herd of five.
pub(super) fn start_redis(
    bench: &CompareBench,
    layout: HerdLayout,
    protocol: Protocol,
) -> Result<RunningSystem> {
    let servers = if matches!(layout, HerdLayout::Lone | HerdLayout::Hub) { 1 } else { 5 };
    start_redis_servers(bench, servers, protocol)
}

/// Starts a Redis server and a replica of it, on which each new value is seen.
pub(super) fn start_primary_and_replica(bench: &CompareBench) -> Result<RunningSystem> {
    let running = start_redis_servers(bench, 2, Protocol::Set)?;
    let [primary, replica] = [running.all[0], running.all[1]];
    let (sender, watchers) = (Sender::Set(primary), vec![Watch::Keys(replica)]);
    Ok(RunningSystem { sender, watchers, across: Some(replica), ..running })
}

/// Starts a Redis server, and replicas of it.
fn start_redis_servers(bench: &CompareBench, servers: u16, protocol: Protocol) -> Result<RunningSystem> {
    let ports = PortBlock::take(servers)?;
    let addresses: Vec<SocketAddr> = addresses(ports.first(), servers);
    let mut programs = Vec::new();
    // A replica writes its first copy of the data to this folder.
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
        programs.push(start_program(&words, "apt install redis-server")?);
        wait_until_listening(*address)?;
    }
    for replica in &addresses[1..] {
        wait_until_replicating(*replica)?;
    }
    Ok(RunningSystem {
        protocol,
        nodes: vec![addresses[0]],
        sender: Sender::Publish(addresses[0]),
        watchers: addresses[1..].iter().map(|replica| Watch::Subscribe(*replica)).collect(),
        pids: programs.iter().map(|program| program.0.id()).collect(),
        all: addresses,
        ready_after: None,
        herd: None,
        servers: None,
        across: None,
        _programs: programs,
        _ports: Some(ports),
    })
}

/// Starts a NATS cluster of five servers.
pub(super) fn start_nats(bench: &CompareBench) -> Result<RunningSystem> {
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
        programs.push(start_program(
            &[&words[..], &["--routes", &routes, "-l", &log]].concat(),
            "apt install nats-server",
        )?);
    }
    clients.iter().try_for_each(|client| wait_until_listening(*client))?;
    Ok(RunningSystem {
        protocol: Protocol::Echo,
        sender: Sender::Nats(clients[0]),
        watchers: clients[1..].iter().map(|client| Watch::Nats(*client)).collect(),
        nodes: clients.clone(),
        all: clients,
        pids: programs.iter().map(|program| program.0.id()).collect(),
        ready_after: None,
        herd: None,
        servers: None,
        across: None,
        _programs: programs,
        _ports: Some(ports),
    })
}

/// Starts the generator as an echo server.
pub(super) fn start_echo(bench: &CompareBench) -> Result<RunningSystem> {
    let ports = PortBlock::take(1)?;
    let address = addresses(ports.first(), 1)[0];
    let program = Program(bench.generator.start(&Task::Echo(address))?);
    wait_until_listening(address)?;
    Ok(RunningSystem {
        protocol: Protocol::Echo,
        nodes: vec![address],
        all: vec![address],
        sender: Sender::Iamat(address),
        watchers: Vec::new(),
        pids: vec![program.0.id()],
        ready_after: None,
        herd: None,
        servers: None,
        across: None,
        _programs: vec![program],
        _ports: Some(ports),
    })
}

fn addresses(first: u16, count: u16) -> Vec<SocketAddr> {
    (first..first + count).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).collect()
}

/// Fails if a program is not installed. `install` is the command that installs it.
pub(crate) fn check_installed(program: &str, install: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian installs servers in /usr/sbin, which is not on every user's PATH.
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.any(|folder| folder.join(program).exists());
    ensure!(found, "{program} is not installed; on Debian, run `{install}`");
    Ok(())
}

fn start_program(words: &[&str], install: &str) -> Result<Program> {
    check_installed(words[0], install)?;
    let mut command: Command = guarded(words.iter().map(ToString::to_string));
    command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Program(command.spawn().with_context(|| format!("cannot run {}", words[0]))?))
}

pub(super) fn wait_until_listening(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + READY;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < deadline, "no program listens on {address} after {READY:?}");
        thread::sleep(POLL);
    }
    Ok(())
}

fn wait_until_replicating(replica: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(replica)?;
    stream.set_read_timeout(Some(READY))?;
    let deadline = Instant::now() + READY;
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(b"INFO replication\r\n")?;
        let length = stream.read(&mut buffer)?;
        let answer = String::from_utf8_lossy(&buffer[..length]);
        if answer.contains("master_link_status:up") {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the replica {replica} is not connected to its primary after {READY:?}"
        );
        thread::sleep(POLL);
    }
}
