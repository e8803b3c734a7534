//! A herd that faults are injected into.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::clients::Clients;
use super::fault::{Fault, FaultAction, FaultName};
use super::open_files;
use super::small_disks::SmallDisks;
use crate::cluster::admin_client;
use crate::cluster::backbone::NatsServers;
use crate::cluster::proc_usage::{open_files, resident_bytes};
use crate::cluster::proxy::{Conditions, Proxy};
use crate::cluster::test_herd::TestHerd;
use crate::oracle::Keeps;

/// A running herd, its clients, and the tools that inject faults.
pub(super) struct HerdUnderTest {
    pub(super) processes: TestHerd,
    pub(super) clients: Arc<Clients>,
    /// The proxy that links go through; `None` if no fault concerns links.
    pub(super) proxy: Option<Proxy>,
    /// The proxy through which regions reach the servers; `None` if no fault cuts them off.
    pub(super) servers_proxy: Option<Proxy>,
    /// The disks of the nodes; `None` if no fault fills disks.
    pub(super) disks: Option<SmallDisks>,
    /// The servers of the backbone; `None` if links alone join the nodes.
    pub(super) servers: Option<NatsServers>,
    /// The node program.
    pub(super) program: PathBuf,
    /// The other program, if there is one.
    pub(super) former: Option<PathBuf>,
    /// The folder with the data folders of the nodes; `None` if they keep nothing on disk.
    pub(super) data: Option<PathBuf>,
    /// The names of the regions; empty without a backbone.
    pub(super) regions: Vec<String>,
    pub(super) names: Vec<String>,
}

/// The time in which a node whose disk has room again must have everything on disk.
const RESTORED: Duration = Duration::from_secs(10);

/// The time between two checks of that.
const POLL: Duration = Duration::from_millis(50);

impl HerdUnderTest {
    /// Injects a fault, waits for as long as it lasts, and ends it.
    ///
    /// # Errors
    /// The fault cannot be injected or ended, or a node does not start again.
    pub(super) fn inject(&mut self, fault: &Fault) -> Result<()> {
        match &fault.action {
            FaultAction::Restart(nodes) => return self.restart_in_turn(nodes, fault.name),
            FaultAction::Exchange(nodes) => return self.exchange_shards(*nodes, fault.name),
            _ => {}
        }
        let stops_answers = fault.name == FaultName::Pause;
        let number = self.clients.begin_fault(&fault.name.to_string(), fault.nodes(), stops_answers);
        match &fault.action {
            FaultAction::Kill { nodes, wipes: false, away } => self.kill(nodes, *away)?,
            FaultAction::Kill { nodes, wipes: true, away } => self.wipe(nodes, *away)?,
            FaultAction::Restart(_) | FaultAction::Exchange(_) => {}
            FaultAction::Servers { servers, wipes, away } => self.end_servers(servers, *wipes, *away)?,
            FaultAction::Leader { away } => self.end_leader(*away)?,
            FaultAction::CutOff { region, lasts, .. } => self.cut_off(*region, *lasts)?,
            FaultAction::FlipBit { server, place, away } => self.flip_bit(*server, *place, *away)?,
            FaultAction::Truncate => self.truncate_stream()?,
            FaultAction::Deprive { node, lasts } => match fault.name {
                FaultName::DiskFull => self.fill_disk(*node, *lasts)?,
                FaultName::NoFiles => self.take_files(*node, *lasts)?,
                FaultName::LogFull => self.fill_log(*node, *lasts)?,
                _ => self.pause(*node, *lasts)?,
            },
            FaultAction::Links { directions, lasts } => {
                for (from, to, conditions) in directions {
                    self.set_conditions(*from, *to, *conditions)?;
                }
                thread::sleep(*lasts);
                for (from, to, _) in directions {
                    self.set_conditions(*from, *to, Conditions::default())?;
                }
            }
        }
        self.clients.end_fault(number);
        Ok(())
    }

    /// Restarts nodes one after another. Each restart is a fault of that node alone.
    fn restart_in_turn(&mut self, nodes: &[usize], name: FaultName) -> Result<()> {
        for node in nodes {
            if name == FaultName::Upgrade {
                self.exchange_program(*node)?;
            }
            self.restart_alone(*node, name)?;
        }
        Ok(())
    }

    /// Lets a node start next with the program that it does not run.
    fn exchange_program(&mut self, node: usize) -> Result<()> {
        let former = self.former.clone().context("upgrade needs another program")?;
        let name = &self.names[node];
        let next = if self.processes.program(name)?.is_some() { None } else { Some(former) };
        self.processes.set_program(name, next)
    }

    /// Restarts a node. That is a fault of the node alone.
    pub(super) fn restart_alone(&mut self, node: usize, name: FaultName) -> Result<()> {
        let number = self.clients.begin_fault(&name.to_string(), vec![node], true);
        self.restart(node)?;
        self.clients.end_fault(number);
        Ok(())
    }

    /// Adds the resources that each node uses to the history.
    ///
    /// # Errors
    /// A node has ended by itself.
    pub(super) fn add_usage(&mut self) -> Result<()> {
        for node in 0..self.names.len() {
            let pid = self.pid(node)?;
            self.clients.add_usage(node, resident_bytes(pid)? as u64, open_files(pid)?);
        }
        Ok(())
    }

    /// The addresses of the nodes for clients.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.processes.herd().members.iter().map(|member| member.client).collect()
    }

    /// Returns the number of updates that each node's process has sent to its neighbours.
    ///
    /// # Errors
    /// A node's admin port does not answer.
    pub(super) fn sent_updates(&mut self) -> Result<Vec<u64>> {
        let nodes = 0..self.names.len();
        nodes
            .map(|node| {
                self.status(node)?["links"]["said"]
                    .as_u64()
                    .context("expected a number of updates in the status")
            })
            .collect()
    }

    pub(super) fn names_of(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| self.names[*node].clone()).collect()
    }

    pub(super) fn pid(&mut self, node: usize) -> Result<u32> {
        let name = &self.names[node];
        self.processes.pid(name)?.with_context(|| format!("{name} has ended by itself"))
    }

    pub(super) fn start(&mut self, nodes: &[usize]) -> Result<()> {
        let names = self.names_of(nodes);
        self.processes.start(&names)?;
        nodes.iter().for_each(|node| self.clients.add_up(*node));
        Ok(())
    }

    fn kill(&mut self, nodes: &[usize], away: Duration) -> Result<()> {
        let names = self.names_of(nodes);
        self.processes.kill(&names)?;
        nodes.iter().for_each(|node| self.clients.add_down(*node, Keeps::Disk));
        thread::sleep(away);
        self.start(nodes)
    }

    fn restart(&mut self, node: usize) -> Result<()> {
        let names = self.names_of(&[node]);
        self.processes.stop(&names)?;
        self.clients.add_down(node, Keeps::Disk);
        self.start(&[node])
    }

    fn signal(&mut self, node: usize, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid(node)?)?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("cannot send {signal}"))
    }

    fn pause(&mut self, node: usize, lasts: Duration) -> Result<()> {
        self.signal(node, Signal::SIGSTOP)?;
        thread::sleep(lasts);
        self.signal(node, Signal::SIGCONT)
    }

    fn set_conditions(&self, from: usize, to: usize, conditions: Conditions) -> Result<()> {
        let proxy = self.proxy.as_ref().context("a fault of links needs a proxy")?;
        proxy.set_conditions(&self.names[from], &self.names[to], conditions)
    }

    fn fill_disk(&mut self, node: usize, lasts: Duration) -> Result<()> {
        let disks = self.disks.as_ref().context("disk-full needs a small disk for each node")?;
        disks.fill(&self.names[node])?;
        thread::sleep(lasts);
        disks.free(&self.names[node])?;
        // Until its disk works again, a node that ends may lose its records.
        let deadline = Instant::now() + RESTORED;
        while !self.is_durable(node)? {
            ensure!(
                Instant::now() < deadline,
                "{} does not write to its disk {RESTORED:?} after the disk had room again",
                self.names[node]
            );
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn is_durable(&mut self, node: usize) -> Result<bool> {
        Ok(self.status(node)?["durability"] != "degraded")
    }

    fn status(&mut self, node: usize) -> Result<Value> {
        let name = &self.names[node];
        let address = self.processes.admin(name)?;
        admin_client::status(address.with_context(|| format!("{name} has no admin port"))?)
    }

    fn take_files(&mut self, node: usize, lasts: Duration) -> Result<()> {
        let pid = self.pid(node)?;
        let limit = open_files::limit(pid)?;
        open_files::set_limit(pid, open_files(pid)?)?;
        thread::sleep(lasts);
        open_files::set_limit(pid, limit)
    }

    fn fill_log(&mut self, node: usize, lasts: Duration) -> Result<()> {
        let log = self.processes.log(&self.names[node]);
        let kept = log.with_extension("kept");
        fs::rename(&log, &kept).with_context(|| format!("cannot move {}", log.display()))?;
        std::os::unix::fs::symlink(Path::new("/dev/full"), &log)
            .with_context(|| format!("cannot link {} to /dev/full", log.display()))?;
        self.signal(node, Signal::SIGHUP)?;
        thread::sleep(lasts);
        fs::rename(&kept, &log).with_context(|| format!("cannot restore {}", log.display()))?;
        self.signal(node, Signal::SIGHUP)
    }
}
