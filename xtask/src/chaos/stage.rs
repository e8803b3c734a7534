//! A herd that is run to be broken.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::clients::Clients;
use super::fault::{Fault, FaultName, How};
use super::open_files;
use super::small_disks::Disks;
use crate::chaos::proxy::{Conditions, Proxy};
use crate::cluster::admin_client;
use crate::cluster::proc_usage::{open_files, resident_bytes};
use crate::cluster::test_herd::TestHerd;
use crate::oracle::Keeps;

/// The herd, and what faults are done with.
pub(super) struct Stage {
    pub(super) processes: TestHerd,
    pub(super) clients: Arc<Clients>,
    /// What links go through, if anything may happen to them.
    pub(super) proxy: Option<Proxy>,
    /// Disks of the nodes' own, if those may be full.
    pub(super) disks: Option<Disks>,
    pub(super) names: Vec<String>,
}

/// A node with room on its disk again may take so long to have everything there.
const RESTORED: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(50);

impl Stage {
    /// Lets a fault happen, and ends it.
    ///
    /// # Errors
    /// A node cannot be broken or mended.
    pub(super) fn suffer(&mut self, fault: &Fault) -> Result<()> {
        if let How::Restart(nodes) = &fault.how {
            // One after another: the others serve on meanwhile.
            return nodes.iter().try_for_each(|node| {
                let number = self.clients.note_fault(&fault.name.to_string(), vec![*node], true);
                self.restart(*node)?;
                self.clients.note_mended(number);
                Ok(())
            });
        }
        let stops_answers = fault.name == FaultName::Pause;
        let number = self.clients.note_fault(&fault.name.to_string(), fault.nodes(), stops_answers);
        match &fault.how {
            How::Kill { nodes, away } => self.kill(nodes, *away)?,
            How::Restart(_) => {}
            How::Want { node, lasts } => match fault.name {
                FaultName::DiskFull => self.fill_disk(*node, *lasts)?,
                FaultName::NoFiles => self.take_files(*node, *lasts)?,
                FaultName::LogFull => self.fill_log(*node, *lasts)?,
                _ => self.pause(*node, *lasts)?,
            },
            How::Links { ways, lasts } => {
                ways.iter().try_for_each(|(from, to, conditions)| self.set(*from, *to, *conditions))?;
                thread::sleep(*lasts);
                ways.iter().try_for_each(|(from, to, _)| self.set(*from, *to, Conditions::default()))?;
            }
        }
        self.clients.note_mended(number);
        Ok(())
    }

    /// Notes what each node takes.
    ///
    /// # Errors
    /// A node has ended that should run.
    pub(super) fn note_usage(&mut self) -> Result<()> {
        for node in 0..self.names.len() {
            let pid = self.pid(node)?;
            self.clients.note_usage(node, resident_bytes(pid)? as u64, open_files(pid)?);
        }
        Ok(())
    }

    /// Where the nodes listen for clients.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.processes.herd().members.iter().map(|member| member.client).collect()
    }

    /// How many updates each node has said to its neighbours in its life.
    ///
    /// # Errors
    /// A node does not tell.
    pub(super) fn said(&mut self) -> Result<Vec<u64>> {
        let nodes = 0..self.names.len();
        nodes.map(|node| self.status(node)?["links"]["said"].as_u64().context("expected a count")).collect()
    }

    fn names_of(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| self.names[*node].clone()).collect()
    }

    pub(super) fn pid(&mut self, node: usize) -> Result<u32> {
        let name = &self.names[node];
        self.processes.pid(name)?.with_context(|| format!("{name} has ended by itself"))
    }

    fn start(&mut self, nodes: &[usize]) -> Result<()> {
        let names = self.names_of(nodes);
        self.processes.start(&names)?;
        nodes.iter().for_each(|node| self.clients.note_up(*node));
        Ok(())
    }

    fn kill(&mut self, nodes: &[usize], away: Duration) -> Result<()> {
        let names = self.names_of(nodes);
        self.processes.kill(&names)?;
        nodes.iter().for_each(|node| self.clients.note_down(*node, Keeps::Disk));
        thread::sleep(away);
        self.start(nodes)
    }

    fn restart(&mut self, node: usize) -> Result<()> {
        let names = self.names_of(&[node]);
        self.processes.stop(&names)?;
        self.clients.note_down(node, Keeps::Disk);
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

    fn set(&self, from: usize, to: usize, conditions: Conditions) -> Result<()> {
        let proxy = self.proxy.as_ref().context("links that can be broken go through a proxy")?;
        proxy.set(&self.names[from], &self.names[to], conditions)
    }

    fn fill_disk(&mut self, node: usize, lasts: Duration) -> Result<()> {
        let disks = self.disks.as_ref().context("nodes whose disks can be full have small ones")?;
        disks.fill(&self.names[node])?;
        thread::sleep(lasts);
        disks.make_room(&self.names[node])?;
        // Until then it may lose what it knows.
        let deadline = Instant::now() + RESTORED;
        while !self.is_durable(node)? {
            ensure!(Instant::now() < deadline, "{} does not write to its disk again", self.names[node]);
            thread::sleep(LOOK);
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
        fs::rename(&log, &kept).context("cannot move a log")?;
        std::os::unix::fs::symlink(Path::new("/dev/full"), &log)
            .context("cannot put /dev/full in its place")?;
        self.signal(node, Signal::SIGHUP)?;
        thread::sleep(lasts);
        fs::rename(&kept, &log).context("cannot put a log back")?;
        self.signal(node, Signal::SIGHUP)
    }
}
