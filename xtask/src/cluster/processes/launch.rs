//! The programs that run as nodes, and when a node is ready.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;

use anyhow::Result;
use herd::config::Member;
use herd::tls::LinkFiles;

/// A program that runs as the nodes of a herd.
pub(crate) trait Launch: Debug + Send {
    /// Returns the program's name for messages.
    fn program(&self) -> String;

    /// Returns the certificates that `name` shows its neighbours, or `None` if it needs none.
    fn certificates(&self, name: &str) -> Option<LinkFiles>;

    /// Returns the command that runs a node, with its environment and standard output set.
    ///
    /// # Errors
    /// A file that the command needs cannot be written.
    fn command(&self, node: &Member, files: &NodeFiles) -> Result<Command>;

    /// Waits until a started node is ready. Returns `None` if it exits first or `deadline` passes.
    ///
    /// # Errors
    /// The node is ready at other addresses than those it was given, or its process cannot be
    /// polled. It may still run.
    fn wait_ready(&self, node: &Member, process: &mut Child, deadline: Instant) -> Result<Option<ReadyNode>>;
}

/// What a node reports when it is ready.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadyNode {
    /// The address of its admin port; `None` if it has no such port.
    pub(crate) admin: Option<SocketAddr>,
}

/// The files of one node.
#[derive(Clone, Debug)]
pub(crate) struct NodeFiles {
    /// The herd file.
    pub(crate) herd: PathBuf,
    /// The node's log.
    pub(crate) log: PathBuf,
    /// What the node writes to standard error.
    pub(crate) errors: PathBuf,
    /// The node's program, if it is not the one of all nodes.
    pub(crate) program: Option<PathBuf>,
}
