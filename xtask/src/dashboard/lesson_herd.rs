//! The herd of a lesson: the supervised one.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cluster::supervisor::{HerdAction, SupervisorClient};
use crate::session::SessionHerd;

/// A supervised herd, which remembers the nodes that a lesson has ended.
#[derive(Debug)]
pub(super) struct LessonHerd {
    supervisor: SupervisorClient,
    ended: BTreeSet<String>,
}

impl LessonHerd {
    pub(super) fn new(supervisor: SupervisorClient) -> LessonHerd {
        LessonHerd { supervisor, ended: BTreeSet::new() }
    }

    /// Starts the nodes that the lesson has ended and not started again.
    ///
    /// # Errors
    /// A node does not start.
    pub(super) fn restore(self) -> Result<()> {
        let ended = Vec::from_iter(self.ended);
        self.supervisor.request(HerdAction::Start, &ended).map(drop)
    }

    fn end(&mut self, action: HerdAction, nodes: &[String]) -> Result<()> {
        // Some nodes may have ended even if the action fails.
        self.ended.extend(nodes.iter().cloned());
        self.supervisor.request(action, nodes).map(drop)
    }
}

impl SessionHerd for LessonHerd {
    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>> {
        let herd = self.supervisor.request(HerdAction::Processes, &[])?;
        let nodes = herd["nodes"].as_array().context("the supervisor's answer lists no nodes")?;
        let address = |node: &Value| {
            let name = node["name"].as_str().context("a node has a name")?;
            let client = node["client"].as_str().context("a node has an address for clients")?;
            Ok((name.to_owned(), client.parse()?))
        };
        nodes.iter().filter(|node| node["state"] != "down").map(address).collect()
    }

    fn stop(&mut self, nodes: &[String]) -> Result<()> {
        self.end(HerdAction::Stop, nodes)
    }

    fn kill(&mut self, nodes: &[String]) -> Result<()> {
        self.end(HerdAction::Kill, nodes)
    }

    fn start(&mut self, nodes: &[String]) -> Result<()> {
        self.supervisor.request(HerdAction::Start, nodes)?;
        self.ended.retain(|ended| !nodes.contains(ended));
        Ok(())
    }

    fn localize(&self, answer: Vec<u8>) -> Vec<u8> {
        answer
    }
}
