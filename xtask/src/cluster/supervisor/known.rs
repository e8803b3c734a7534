//! What the supervisor knows of its herd. Commands can read it while an action is under way.

use std::path::PathBuf;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::cluster::backbone::KnownServer;
use crate::cluster::health::{Health, fetch_health};
use crate::cluster::processes::KnownNode;

/// The herd as it was when the supervisor last looked: after each step of an action, and when a
/// process exits.
#[derive(Clone, Debug)]
pub(super) struct KnownHerd {
    pub(super) name: String,
    /// The path of the herd file.
    pub(super) file: PathBuf,
    pub(super) nodes: Vec<KnownNode>,
    /// The peer whose program the nodes run; `None` for nodes of this workspace.
    pub(super) peer: Option<&'static str>,
    /// Whether links can be cut.
    pub(super) cuts_links: bool,
    /// The links that are cut, each with the smaller name first.
    pub(super) cut: Vec<(String, String)>,
    /// The servers of the backbone.
    pub(super) servers: Vec<KnownServer>,
}

impl KnownHerd {
    /// Returns the herd's name, and for each node its name, addresses, process id, log and
    /// neighbours, and whether it is `running`, `paused` or `down`.
    pub(super) fn processes(mut self) -> Value {
        self.forget_exited();
        let nodes = self.nodes.iter().map(|node| {
            let state = match node.pid {
                None => "down",
                Some(_) if node.is_paused => "paused",
                Some(_) => "running",
            };
            self.entry(node, state, &[])
        });
        let state = |server: &KnownServer| if server.pid.is_some() { "running" } else { "down" };
        let servers = self.servers.iter().map(|server| server_entry(server, state(server), None));
        self.with_nodes(nodes.collect(), servers.collect())
    }

    /// Asks each node for its state, and returns what [`processes`](Self::processes) returns with
    /// these states, the reasons for them, and the nodes' answers at `/status`.
    pub(super) async fn status(mut self) -> Value {
        self.forget_exited();
        let healths = fetch_health(&self.nodes).await;
        let nodes = self.nodes.iter().zip(&healths).map(|(node, health)| {
            let status = health.status();
            let mut entry = self.entry(node, health.word(), &health.reasons());
            entry["durability"] = status["durability"].clone();
            entry["status"] = status;
            entry
        });
        let nodes = nodes.collect();
        let mut servers = Vec::new();
        for server in &self.servers {
            let (state, reason) = server.health().await;
            servers.push(server_entry(server, state, reason));
        }
        self.with_nodes(nodes, servers)
    }

    /// Returns whether one of the named nodes may still get ready by itself.
    pub(super) async fn may_get_ready(mut self, names: &[String]) -> bool {
        self.nodes.retain(|node| names.contains(&node.member.name));
        fetch_health(&self.nodes).await.iter().any(Health::may_get_ready)
    }

    /// Marks nodes as down whose processes have exited since the supervisor looked.
    fn forget_exited(&mut self) {
        for node in &mut self.nodes {
            node.pid = node.pid.filter(|pid| kill(Pid::from_raw(pid.cast_signed()), None).is_ok());
        }
    }

    fn with_nodes(&self, nodes: Vec<Value>, servers: Vec<Value>) -> Value {
        json!({
            "herd": self.name,
            "file": self.file,
            "cuts_links": self.cuts_links,
            "cut": self.cut,
            "nodes": nodes,
            "servers": servers,
        })
    }

    fn entry(&self, node: &KnownNode, state: &str, reasons: &[String]) -> Value {
        json!({
            "name": node.member.name,
            "peer": self.peer,
            "client": node.member.client,
            "link": node.member.link,
            "admin": node.admin.or(node.member.admin),
            "pid": node.pid,
            "log": node.log,
            "state": state,
            "reasons": reasons,
            "neighbours": node.member.neighbours,
        })
    }
}

fn server_entry(server: &KnownServer, state: &str, reason: Option<String>) -> Value {
    json!({
        "name": server.name,
        "client": server.client,
        "admin": server.state,
        "pid": server.pid,
        "log": server.log,
        "state": state,
        "reasons": Vec::from_iter(reason),
    })
}
