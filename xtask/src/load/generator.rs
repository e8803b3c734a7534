//! The load generator as a process of its own, built for speed while `cargo xtask` itself stays quick to build.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::workspace::{Profile, binary};
use crate::load::everywhere::Everywhere;
use crate::load::flood::{self, Flood, Watch};
use crate::load::torrent::Torrent;
use crate::load::{Latency, Load, Summary, echo};

/// What the generator can do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Sends a load; the outcome is a [`Summary`].
    Load {
        /// The load.
        load: Load,
        /// Whether to say every second how it goes, on standard error.
        live: bool,
    },
    /// Sends a load to a node whose neighbours only take what it says; the outcome is a [`Summary`].
    Sunk {
        /// The load.
        load: Load,
        /// The neighbours.
        sinks: Vec<Watch>,
    },
    /// Sends a load, and waits until every node has all of it; the outcome is a [`Spread`](crate::load::everywhere::Spread).
    Everywhere(Everywhere),
    /// Keeps a node as busy as clients can; the outcome is how many bytes of answers came.
    Torrent(Torrent),
    /// Watches floods; the outcome is a [`flood::Outcome`].
    Flood(Flood),
    /// Sends every line back, for ever: the ceiling that any server of lines can reach.
    Echo(SocketAddr),
}

impl Task {
    /// Does the task in this process, and returns its outcome. `progress` gets a line each second of
    /// a load that is `live`.
    ///
    /// # Errors
    /// The message says what failed.
    pub fn run(self, progress: impl Fn(&str)) -> Result<Value> {
        Ok(match self {
            Task::Load { load, live } => {
                let outcome = load.run(|elapsed, answers, latencies| {
                    if live {
                        let (seconds, latency) = (elapsed.as_secs(), Latency::of(latencies));
                        progress(&format!("{seconds:>4} s  {answers:>9}/s  {latency}"));
                    }
                })?;
                serde_json::to_value(Summary::of(&outcome))?
            }
            Task::Sunk { load, sinks } => {
                flood::sink(&sinks)?;
                serde_json::to_value(Summary::of(&load.run(|_, _, _| {})?))?
            }
            Task::Everywhere(everywhere) => serde_json::to_value(everywhere.run()?)?,
            Task::Torrent(torrent) => torrent.run()?.into(),
            Task::Flood(flood) => serde_json::to_value(flood::run(&flood)?)?,
            Task::Echo(address) => echo::serve(address)?,
        })
    }
}

/// The generator's program.
#[derive(Clone, Debug)]
pub struct Generator(PathBuf);

impl Generator {
    /// Builds it.
    ///
    /// # Errors
    /// It does not build; cargo has said why.
    pub fn build(profile: Profile) -> Result<Generator> {
        binary("generator", profile).map(Generator)
    }

    /// Does a task, and returns its outcome.
    ///
    /// # Errors
    /// The task fails: the generator has said why on standard error.
    pub fn run<T: DeserializeOwned>(&self, task: &Task) -> Result<T> {
        let output =
            self.command(task)?.stdout(Stdio::piped()).spawn().context("cannot run the generator")?;
        let output = output.wait_with_output().context("cannot wait for the generator")?;
        ensure!(output.status.success(), "the load could not be sent, or was not answered");
        serde_json::from_slice(&output.stdout).context("the generator's outcome cannot be read")
    }

    /// Begins a task that does not end by itself.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn begin(&self, task: &Task) -> Result<Child> {
        self.command(task)?.stdout(Stdio::null()).spawn().context("cannot run the generator")
    }

    fn command(&self, task: &Task) -> Result<Command> {
        let mut command = Command::new(&self.0);
        command.arg(serde_json::to_string(task)?).stdin(Stdio::null());
        Ok(command)
    }
}
