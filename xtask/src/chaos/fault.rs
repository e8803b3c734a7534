//! What can happen to real nodes.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clients::Clients;
use crate::oracle::Keeps;
use crate::processes::Processes;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FaultName {
    /// SIGKILL of one node or several, but not of all.
    Kill,
    /// SIGKILL of all nodes at once.
    KillAll,
    /// SIGSTOP of a node, and SIGCONT five seconds later.
    Pause,
    /// SIGTERM of each node in turn, started again before the next.
    Rolling,
}

/// A fault, drawn.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    name: FaultName,
    nodes: Vec<usize>,
    /// How long nodes that are killed stay away.
    away: Duration,
}

/// What a fault happens to.
pub(super) struct Stage<'a> {
    pub(super) processes: &'a mut Processes,
    pub(super) clients: &'a Clients,
    pub(super) names: &'a [String],
}

/// How long a node is paused: longer than its neighbours keep a silent link.
const PAUSE: Duration = Duration::from_secs(5);

/// Nodes that are killed stay away for at most so many milliseconds.
const AWAY: u64 = 1_000;

impl Fault {
    /// Draws one of the faults that may happen.
    pub(super) fn draw(names: &[FaultName], nodes: usize, rng: &mut Rng) -> Fault {
        let name = names[rng.usize(..names.len())];
        let mut all: Vec<usize> = (0..nodes).collect();
        rng.shuffle(&mut all);
        let count = match name {
            FaultName::Kill => rng.usize(1..nodes.max(2)),
            FaultName::KillAll | FaultName::Rolling => nodes,
            FaultName::Pause => 1,
        };
        all.truncate(count);
        Fault { name, nodes: all, away: Duration::from_millis(rng.u64(..AWAY)) }
    }

    /// Says what happens.
    pub(super) fn describe(&self, names: &[String]) -> String {
        let nodes: Vec<&str> = self.nodes.iter().map(|node| names[*node].as_str()).collect();
        let nodes = nodes.join(", ");
        match self.name {
            FaultName::Kill | FaultName::KillAll => format!("{nodes} killed, away for {:?}", self.away),
            FaultName::Pause => format!("{nodes} paused for {PAUSE:?}"),
            FaultName::Rolling => format!("{nodes} restarted in turn"),
        }
    }

    /// Lets it happen, and ends it.
    ///
    /// # Errors
    /// A node cannot be killed or started.
    pub(super) fn happen(&self, stage: &mut Stage<'_>) -> Result<()> {
        match self.name {
            FaultName::Kill | FaultName::KillAll => {
                let names = stage.names_of(&self.nodes);
                stage.processes.kill(&names)?;
                self.nodes.iter().for_each(|node| stage.clients.note_down(*node, Keeps::Disk));
                thread::sleep(self.away);
                stage.start(&self.nodes)
            }
            FaultName::Pause => self.nodes.iter().try_for_each(|node| stage.pause(*node)),
            FaultName::Rolling => self.nodes.iter().try_for_each(|node| {
                stage.processes.stop(&stage.names_of(&[*node]))?;
                stage.clients.note_down(*node, Keeps::Disk);
                stage.start(&[*node])
            }),
        }
    }
}

impl Stage<'_> {
    fn names_of(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| self.names[*node].clone()).collect()
    }

    fn start(&mut self, nodes: &[usize]) -> Result<()> {
        self.processes.start(&self.names_of(nodes))?;
        nodes.iter().for_each(|node| self.clients.note_up(*node));
        Ok(())
    }

    fn pause(&mut self, node: usize) -> Result<()> {
        let pid = self.processes.pid(&self.names[node])?.context("a node to pause")?;
        let pid = Pid::from_raw(i32::try_from(pid)?);
        let fault = self.clients.note_fault("paused", node);
        kill(pid, Signal::SIGSTOP)?;
        thread::sleep(PAUSE);
        kill(pid, Signal::SIGCONT)?;
        self.clients.note_mended(fault);
        Ok(())
    }
}
