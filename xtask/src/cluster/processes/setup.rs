//! How the nodes of a herd are started with the node program of this workspace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use herd::config::Herd;
use herd::tls::{Authority, LinkFiles};

use super::environment::Environment;
use crate::cluster::herd_file::HerdFile;

/// The argument that makes a node's links plain TCP.
pub const INSECURE_LINKS: &str = "--insecure-links";

/// The admin ports of a herd's nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminPorts {
    /// Nodes have no admin ports.
    Absent,
    /// Each node uses any free port.
    Free,
    /// The first node uses this port, and the other nodes those that follow.
    From(u16),
}

/// The settings of a herd whose nodes run the node program of this workspace.
#[derive(Debug)]
pub struct Setup {
    /// The herd.
    pub file: HerdFile,
    /// The herd files of single nodes, by name, instead of `file`: they give a node other addresses
    /// for its neighbours.
    pub views: BTreeMap<String, HerdFile>,
    /// The node program.
    pub program: PathBuf,
    /// The folder for the herd file and the logs. It is created if it does not exist.
    pub folder: PathBuf,
    /// The folder that holds a data folder for each node, named after the node. Without it, nodes
    /// keep their records in memory.
    pub data: Option<PathBuf>,
    /// The admin ports of nodes whose ports the herd file does not name.
    pub admin: AdminPorts,
    /// The part of this process's environment that nodes inherit.
    pub environment: Environment,
    /// Arguments for every node, after its name.
    pub args: Vec<OsString>,
    /// Environment variables for every node; `None` removes a variable.
    pub variables: Vec<(&'static str, Option<OsString>)>,
}

impl Setup {
    /// Returns a setup of nodes in memory, in a clean environment, without further arguments.
    pub fn clean(file: HerdFile, program: PathBuf, folder: PathBuf) -> Setup {
        Setup {
            file,
            views: BTreeMap::new(),
            program,
            folder,
            data: None,
            admin: AdminPorts::Free,
            environment: Environment::Clean,
            args: Vec::new(),
            variables: Vec::new(),
        }
    }
}

/// Ensures that each node of a herd has a certificate, in `certs` of `folder`.
pub(super) fn certify_nodes(herd: &Herd, folder: &Path) -> Result<BTreeMap<String, LinkFiles>> {
    let authority = Authority::open_or_init(&folder.join("certs"))?;
    let names = herd.members.iter().map(|member| &member.name);
    names.map(|name| Ok((name.clone(), authority.ensure(name)?))).collect()
}
