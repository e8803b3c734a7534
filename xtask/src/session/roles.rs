//! Maps the node names that sessions use, their roles, to the nodes of any herd.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;
use crate::cluster::test_herd::TestHerd;
use crate::session;

/// The herd whose node names sessions use.
pub const SESSIONS_HERD: &str = "2015-winter";

/// The nodes of a herd, under their own names.
pub(crate) trait Nodes {
    /// The nodes, in the order of the herd file.
    fn names(&self) -> Vec<String>;

    /// The node's address for clients, or `None` if it is down.
    ///
    /// # Errors
    /// The node's process cannot be polled.
    fn address_if_up(&mut self, name: &str) -> Result<Option<SocketAddr>>;

    /// Stops nodes in order.
    ///
    /// # Errors
    /// A node cannot be stopped.
    fn stop(&mut self, names: &[String]) -> Result<()>;

    /// Kills nodes.
    ///
    /// # Errors
    /// A node cannot be killed.
    fn kill(&mut self, names: &[String]) -> Result<()>;

    /// Starts nodes, and waits until they are ready.
    ///
    /// # Errors
    /// A node does not start.
    fn start(&mut self, names: &[String]) -> Result<()>;
}

impl Nodes for TestHerd {
    fn names(&self) -> Vec<String> {
        Processes::names(self)
    }

    fn address_if_up(&mut self, name: &str) -> Result<Option<SocketAddr>> {
        let is_up = self.pid(name)?.is_some();
        Ok(is_up.then_some(self.member(name)?.client))
    }

    fn stop(&mut self, names: &[String]) -> Result<()> {
        Processes::stop(self, names)
    }

    fn kill(&mut self, names: &[String]) -> Result<()> {
        Processes::kill(self, names)
    }

    fn start(&mut self, names: &[String]) -> Result<()> {
        Processes::start(self, names)
    }
}

/// A herd whose nodes play the roles that sessions name. The first node of its herd file plays the
/// first role, and so on.
pub(crate) struct Roles<H> {
    herd: H,
    roles: Vec<String>,
}

impl<H: Nodes> Roles<H> {
    /// Gives each role of [`SESSIONS_HERD`] to a node of `herd`.
    ///
    /// # Errors
    /// The herd has fewer nodes than sessions name.
    pub(crate) fn new(herd: H) -> Result<Roles<H>> {
        let written_for = HerdFile::find(SESSIONS_HERD)?;
        let members = &written_for.herd().members;
        let roles: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let nodes = herd.names().len();
        ensure!(nodes >= roles.len(), "sessions need {} nodes, but the herd has {nodes}", roles.len());
        Ok(Roles { herd, roles })
    }

    /// The herd whose nodes play the roles.
    pub(crate) fn herd(&mut self) -> &mut H {
        &mut self.herd
    }

    /// The nodes that play these roles.
    fn actors(&self, roles: &[String]) -> Result<Vec<String>> {
        let names = self.herd.names();
        let mut actors = Vec::new();
        for role in roles {
            let index = self.roles.iter().position(|other| other == role);
            let actor = index.and_then(|index| names.get(index).cloned());
            actors.push(actor.with_context(|| format!("no node is called {role}"))?);
        }
        Ok(actors)
    }
}

impl<H: Nodes> session::SessionHerd for Roles<H> {
    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>> {
        let mut running = Vec::new();
        for (role, actor) in self.roles.iter().zip(self.herd.names()) {
            if let Some(address) = self.herd.address_if_up(&actor)? {
                running.push((role.clone(), address));
            }
        }
        Ok(running)
    }

    fn stop(&mut self, nodes: &[String]) -> Result<()> {
        let actors = self.actors(nodes)?;
        self.herd.stop(&actors)
    }

    fn kill(&mut self, nodes: &[String]) -> Result<()> {
        let actors = self.actors(nodes)?;
        self.herd.kill(&actors)
    }

    fn start(&mut self, nodes: &[String]) -> Result<()> {
        let actors = self.actors(nodes)?;
        self.herd.start(&actors)
    }

    fn localize(&self, answer: Vec<u8>) -> Vec<u8> {
        for (role, actor) in self.roles.iter().zip(self.herd.names()) {
            if let Some(rest) = answer.strip_prefix(format!("AT {actor} ").as_bytes()) {
                return [format!("AT {role} ").as_bytes(), rest].concat();
            }
        }
        answer
    }
}
