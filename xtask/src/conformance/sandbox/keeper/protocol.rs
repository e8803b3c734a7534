//! What a judge asks a keeper, and what it answers: one JSON value on each line.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::conformance::sandbox::Mode;

/// What a keeper works with from its start.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Task {
    /// How guests are kept apart from this machine.
    pub mode: Mode,
    /// The names of the nodes.
    pub nodes: Vec<String>,
    /// The folder for what nodes print.
    pub output: PathBuf,
    /// The folders that nodes may write to. The first one is where they run.
    pub writable: Vec<PathBuf>,
    /// The user that nodes run as, if it is another one.
    pub user: Option<u32>,
    /// What all nodes together may use.
    pub limits: Limits,
    /// Whether nodes inherit the variables of proxies, and those of this project's node.
    pub whole_environment: bool,
}

/// What all nodes of a herd together may use.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Limits {
    /// The number of processes.
    pub processes: usize,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// The size of one file, in bytes.
    pub file: u64,
    /// What the writable folders may grow by, in bytes.
    pub disk: u64,
}

/// A request of the judge.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Request {
    /// Starts a node. Answered with `Done` or `Refused`.
    Start(Start),
    /// Sends a signal, by its number, to the process group of a node; if its first process has
    /// ended, to every process of the node. Answered with `Done` or `Refused`.
    Signal(String, i32),
    /// Kills every process of a node, and answers with `Done` when none is left.
    Kill(String),
    /// Asks how the nodes are. Answered with `State`.
    Look,
    /// Asks for the end of what a node printed. Answered with `Words`.
    Words(String),
    /// Asks what the herd uses. Answered with `Usage`.
    Usage,
}

/// How to start a node.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Start {
    /// The node's name.
    pub node: String,
    /// The shell command.
    pub command: String,
    /// Variables for its environment.
    pub variables: Vec<(String, String)>,
}

/// An answer of the keeper.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It could not be done: one sentence says why.
    Refused(String),
    /// How the nodes are.
    State(State),
    /// The end of a node's standard output, and of its standard error.
    Words(String, String),
    /// What the herd uses.
    Usage(Usage),
}

/// How the nodes are.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    /// The nodes that have been started.
    pub nodes: Vec<NodeState>,
    /// The limit for which the keeper ended the herd, as a sentence.
    pub ended: Option<String>,
}

/// How one node is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct NodeState {
    /// The node's name.
    pub node: String,
    /// The number of its processes.
    pub processes: usize,
    /// How its first process ended: `exited with status 1`, `was killed by SIGSEGV`.
    pub exit: Option<String>,
    /// Whether its first process exited with status 0.
    pub exited_well: bool,
}

/// What a herd uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Usage {
    /// The number of processes.
    pub processes: usize,
    /// The processor time of all processes so far, also of those that have ended. It advances in
    /// steps of 10 ms.
    pub cpu: Duration,
    /// The resident memory of all processes, in bytes. Pages that several share count several
    /// times.
    pub resident: u64,
}
