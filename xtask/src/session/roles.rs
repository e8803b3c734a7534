//! Maps the node names that sessions use, their roles, to the nodes of any herd.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::cluster::herd_file::HerdFile;
use crate::cluster::test_herd::TestHerd;
use crate::session;

/// The herd whose node names sessions use.
pub const SESSIONS_HERD: &str = "2015-winter";

/// A herd whose nodes play the roles that sessions name. The first node of its herd file plays the
/// first role, and so on.
pub(crate) struct Roles {
    herd: TestHerd,
    roles: Vec<String>,
}

impl Roles {
    /// Gives each role of [`SESSIONS_HERD`] to a node of `herd`.
    ///
    /// # Errors
    /// The herd has fewer nodes than sessions name.
    pub(crate) fn new(herd: TestHerd) -> Result<Roles> {
        let written_for = HerdFile::find(SESSIONS_HERD)?;
        let members = &written_for.herd().members;
        let roles: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let nodes = herd.names().len();
        ensure!(nodes >= roles.len(), "sessions need {} nodes, but the herd has {nodes}", roles.len());
        Ok(Roles { herd, roles })
    }

    /// The herd whose nodes play the roles.
    pub(crate) fn herd(&mut self) -> &mut TestHerd {
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

impl session::SessionHerd for Roles {
    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>> {
        let mut running = Vec::new();
        for (role, actor) in self.roles.iter().zip(self.herd.names()) {
            if self.herd.pid(&actor)?.is_some() {
                running.push((role.clone(), self.herd.member(&actor)?.client));
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
