//! Runs the load generator as a separate process. Its program is built with optimizations, while
//! `cargo xtask` itself stays quick to build.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::workspace::{Profile, binary};
use crate::load::everywhere::Everywhere;
use crate::load::fail_over::FailOver;
use crate::load::flood::{self, Flood, Watch};
use crate::load::places::PlacesQuestions;
use crate::load::relay::Relay;
use crate::load::torrent::Torrent;
use crate::load::{Latency, Load, Summary, echo};

/// A task for the generator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Sends a load. The result is a [`Summary`].
    Load {
        /// The load.
        load: Load,
        /// Whether to show the progress on standard error every second.
        live: bool,
    },
    /// Sends a load to a node whose neighbours discard its updates. The result is a [`Summary`].
    Sunk {
        /// The load.
        load: Load,
        /// The neighbours.
        sinks: Vec<Watch>,
    },
    /// Sends a load, and waits until every node has all of it. The result is a
    /// [`Spread`](crate::load::everywhere::Spread).
    Everywhere(Everywhere),
    /// Counts what a server that is killed has answered and lost. The result is a
    /// [`FailOverOutcome`](crate::load::fail_over::FailOverOutcome).
    FailOver(FailOver),
    /// Keeps a node as busy as possible. The result is the number of bytes of the answers.
    Torrent(Torrent),
    /// Watches floods. The result is a [`FloodOutcome`](flood::FloodOutcome).
    Flood(Flood),
    /// Asks a places file in the generator's process. The result is a
    /// [`PlacesTimes`](crate::load::places::PlacesTimes).
    Places(PlacesQuestions),
    /// Sends every line back until the process is killed. No server of lines can be faster.
    Echo(SocketAddr),
    /// Passes lines on as a relay of a herd until the process is killed.
    Relay(Relay),
}

impl Task {
    /// Performs the task in this process, and returns its result. `progress` gets a line each
    /// second of a load that is `live`.
    ///
    /// # Errors
    /// The task fails.
    pub fn perform(self, progress: impl Fn(&str)) -> Result<Value> {
        Ok(match self {
            Task::Load { load, live } => {
                let outcome = load.send(|elapsed, answers, latencies| {
                    if live {
                        let (seconds, latency) = (elapsed.as_secs(), Latency::of(latencies));
                        progress(&format!("{seconds:>4} s  {answers:>9}/s  {latency}"));
                    }
                })?;
                serde_json::to_value(Summary::of(&outcome))?
            }
            Task::Sunk { load, sinks } => {
                flood::sink(&sinks)?;
                serde_json::to_value(Summary::of(&load.send(|_, _, _| {})?))?
            }
            Task::Everywhere(everywhere) => serde_json::to_value(everywhere.measure()?)?,
            Task::FailOver(fail_over) => serde_json::to_value(fail_over.measure()?)?,
            Task::Torrent(torrent) => torrent.send()?.into(),
            Task::Flood(flood) => serde_json::to_value(flood::measure_flood(&flood)?)?,
            Task::Places(questions) => serde_json::to_value(questions.ask()?)?,
            Task::Echo(address) => echo::serve(address)?,
            Task::Relay(relay) => relay.serve()?,
        })
    }
}

/// The generator's program, which has been built.
#[derive(Clone, Debug)]
pub struct Generator(PathBuf);

impl Generator {
    /// Builds the program.
    ///
    /// # Errors
    /// The program does not build. Cargo has printed the reason.
    pub fn build(profile: Profile) -> Result<Generator> {
        binary("generator", profile).map(Generator)
    }

    /// Performs a task in a generator process, and returns its result.
    ///
    /// # Errors
    /// The task fails. The generator has printed the reason to standard error.
    pub fn perform<T: DeserializeOwned>(&self, task: &Task) -> Result<T> {
        let output =
            self.command(task)?.stdout(Stdio::piped()).spawn().context("cannot run the generator")?;
        let output = output.wait_with_output().context("cannot wait for the generator")?;
        ensure!(output.status.success(), "the load generator failed; its error is above");
        serde_json::from_slice(&output.stdout).context("cannot parse the generator's result")
    }

    /// Starts a task that does not end by itself.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn start(&self, task: &Task) -> Result<Child> {
        self.command(task)?.stdout(Stdio::null()).spawn().context("cannot run the generator")
    }

    fn command(&self, task: &Task) -> Result<Command> {
        let mut command = Command::new(&self.0);
        command.arg(serde_json::to_string(task)?).stdin(Stdio::null());
        Ok(command)
    }
}
