//! Who plays: the nodes of any herd in the parts that sessions name.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;
use crate::session;

/// The herd whose names sessions use.
pub(crate) const SESSIONS_HERD: &str = "2015-winter";

/// A herd whose nodes take the parts that sessions name, in order.
pub(crate) struct Cast {
    processes: Processes,
    parts: Vec<String>,
}

impl Cast {
    /// The nodes of a herd, in the order of its file, in the parts of the sessions' herd.
    ///
    /// # Errors
    /// They are too few.
    pub(crate) fn new(processes: Processes) -> Result<Cast> {
        let herd = HerdFile::find(SESSIONS_HERD)?;
        let parts: Vec<String> = herd.herd().members.iter().map(|member| member.name.clone()).collect();
        let nodes = processes.names().len();
        ensure!(nodes >= parts.len(), "sessions are played by {} nodes: the herd has {nodes}", parts.len());
        Ok(Cast { processes, parts })
    }

    /// The nodes.
    pub(crate) fn processes(&mut self) -> &mut Processes {
        &mut self.processes
    }

    fn actors(&self, parts: &[String]) -> Result<Vec<String>> {
        let names = self.processes.names();
        let actor = |part: &String| {
            let index = self.parts.iter().position(|other| other == part);
            index
                .and_then(|index| names.get(index).cloned())
                .with_context(|| format!("no node is called {part}"))
        };
        parts.iter().map(actor).collect()
    }
}

impl session::Herd for Cast {
    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>> {
        let mut running = Vec::new();
        for (part, actor) in self.parts.iter().zip(self.processes.names()) {
            if self.processes.pid(&actor)?.is_some() {
                running.push((part.clone(), self.processes.member(&actor)?.client));
            }
        }
        Ok(running)
    }

    fn stop(&mut self, nodes: &[String]) -> Result<()> {
        self.processes.stop(&self.actors(nodes)?)
    }

    fn kill(&mut self, nodes: &[String]) -> Result<()> {
        self.processes.kill(&self.actors(nodes)?)
    }

    fn start(&mut self, nodes: &[String]) -> Result<()> {
        self.processes.start(&self.actors(nodes)?)
    }

    fn localize(&self, answer: Vec<u8>) -> Vec<u8> {
        for (part, actor) in self.parts.iter().zip(self.processes.names()) {
            if let Some(rest) = answer.strip_prefix(format!("AT {actor} ").as_bytes()) {
                return [format!("AT {part} ").as_bytes(), rest].concat();
            }
        }
        answer
    }
}
