//! Stops, kills, pauses and resumes the processes of nodes.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::{PROCESS_POLL, Processes, STOP_TIMEOUT};

impl Processes {
    /// Stops the named nodes with SIGTERM, all at once, and waits until they have exited. A node
    /// that does not exit within 5 seconds is killed.
    ///
    /// # Errors
    /// - There is no such node. No node has been signalled.
    /// - A process cannot be polled. Its node may still run.
    pub fn stop(&mut self, names: &[String]) -> Result<()> {
        self.signal(names, Signal::SIGTERM)
    }

    /// Kills the named nodes with SIGKILL, and waits until they have exited.
    ///
    /// # Errors
    /// Those of [`stop`](Self::stop).
    pub fn kill(&mut self, names: &[String]) -> Result<()> {
        self.signal(names, Signal::SIGKILL)
    }

    /// Stops all nodes.
    ///
    /// # Errors
    /// A process cannot be polled. Its node is killed when this value is dropped.
    pub fn stop_all(&mut self) -> Result<()> {
        self.stop(&self.names())
    }

    /// Pauses the named nodes with SIGSTOP. They keep their connections, and answer nothing. Nodes
    /// that are paused already are left alone.
    ///
    /// # Errors
    /// There is no such node, or one of them is down. No node has been paused.
    pub fn pause(&mut self, names: &[String]) -> Result<()> {
        self.switch(names, Signal::SIGSTOP)
    }

    /// Resumes the named nodes with SIGCONT. Nodes that are not paused are left alone.
    ///
    /// # Errors
    /// There is no such node, or one of them is down. No node has been resumed.
    pub fn resume(&mut self, names: &[String]) -> Result<()> {
        self.switch(names, Signal::SIGCONT)
    }

    /// Sends SIGSTOP or SIGCONT to the named nodes, all of which must run.
    fn switch(&mut self, names: &[String], signal: Signal) -> Result<()> {
        let mut pids = Vec::new();
        for name in names {
            let Some(pid) = self.pid(name)? else {
                bail!("{name} is down, so it cannot be paused or resumed")
            };
            pids.push(Pid::from_raw(pid.cast_signed()));
        }
        for (name, pid) in names.iter().zip(pids) {
            kill(pid, signal).with_context(|| format!("cannot send {signal} to {name}"))?;
            self.node_mut(name)?.is_paused = signal == Signal::SIGSTOP;
        }
        Ok(())
    }

    /// Sends a signal to the named nodes, and waits until they have exited.
    fn signal(&mut self, names: &[String], signal: Signal) -> Result<()> {
        self.check_names(names)?;
        for name in names {
            if let Some(pid) = self.pid(name)? {
                let pid = Pid::from_raw(pid.cast_signed());
                // These fail only if the node has just exited, which is what the caller wants. A
                // paused node, also one that was paused by somebody else, stops once it continues.
                let _ = if signal == Signal::SIGKILL { killpg(pid, signal) } else { kill(pid, signal) };
                let _ = kill(pid, Signal::SIGCONT);
            }
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for name in names {
            let node = self.node_mut(name)?;
            node.is_paused = false;
            if let Some(mut process) = node.process.take() {
                wait_or_kill(&mut process, deadline)?;
            }
        }
        Ok(())
    }
}

/// Kills the processes of a process group whose first process this is.
pub(crate) fn kill_group(process: &Child) {
    // This fails only if they have exited already.
    let _ = killpg(Pid::from_raw(process.id() as i32), Signal::SIGKILL);
}

/// Waits until a node has exited, and kills it at the deadline.
pub(super) fn wait_or_kill(process: &mut Child, deadline: Instant) -> Result<ExitStatus> {
    while Instant::now() < deadline {
        if let Some(status) = process.try_wait().context("cannot poll the process of a node")? {
            return Ok(status);
        }
        thread::sleep(PROCESS_POLL);
    }
    kill_group(process);
    process.wait().context("cannot wait for the process of a node")
}
