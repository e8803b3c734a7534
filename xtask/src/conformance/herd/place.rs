//! What a herd needs of the run, and what is said about its nodes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::conformance::sandbox::Mode;

/// Where and with what a herd runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// How guests are kept apart from this machine.
    pub mode: Mode,
    /// A program that answers [`run_hidden_role`](crate::conformance::sandbox::run_hidden_role):
    /// this one, unless a test starts the herd.
    pub program: PathBuf,
    /// The copy of the guest's folder, in which nodes run.
    pub work: PathBuf,
    /// The folder for the herd file and for what nodes print, as `NODE.stdout` and `NODE.stderr`.
    /// A herd adds to the files of the one before it.
    pub output: PathBuf,
    /// The value of `{key}`.
    pub key: String,
    /// The value of `{places}`: the address of the Places stub, as a URL without a path.
    pub places: String,
    /// Further variables for the environment of nodes; those of the guest file win.
    pub variables: Vec<(String, String)>,
    /// The factor by which nodes may take longer to get ready.
    pub patience: f64,
}

/// Why a herd, or a node of it, did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    /// The node; empty if the failure concerns none of them.
    pub node: String,
    /// One sentence, without its subject's name and a full stop.
    pub why: String,
    /// The last lines that the node printed.
    pub last_words: String,
}

impl StartFailure {
    pub(super) fn of_machine(error: &anyhow::Error) -> StartFailure {
        StartFailure { node: String::new(), why: format!("{error:#}"), last_words: String::new() }
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node.as_str() {
            "" => write!(formatter, "{}", self.why),
            node => write!(formatter, "{node} {}", self.why),
        }
    }
}

impl std::error::Error for StartFailure {}

/// How a node ended that nobody stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How it ended: `exited with status 1`, `was killed by SIGSEGV`.
    pub words: String,
    /// The end of its standard error.
    pub stderr: String,
}

/// What the stop signal did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How long the node's processes took to end, or the time limit if some are left.
    pub took: Duration,
    /// How the node's first process ended: `exited with status 0`. `None` if it still runs.
    pub exit: Option<String>,
    /// The number of the node's processes that still run.
    pub left: usize,
}
