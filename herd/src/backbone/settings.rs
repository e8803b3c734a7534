//! The settings of one node on the backbone.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{AnswerAfter, Herd, Member};
use crate::node::Shards;
use crate::secret_file;

/// The settings of one node on the backbone.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URLs of the servers.
    pub servers: Vec<String>,
    /// The file with the node's credentials.
    pub creds: Option<PathBuf>,
    /// The certificate of the authority of the servers; `None` for those of the system.
    pub ca: Option<PathBuf>,
    /// The region of the node: that of its herd, or the node's name if it holds only some shards,
    /// since it has no links then.
    pub region: String,
    /// The node's name, which is unique over all regions.
    pub node: String,
    /// The names of all nodes of the herd.
    pub herd: Vec<String>,
    /// The name of the stream.
    pub stream: String,
    /// How many servers keep the stream, if this node creates it.
    pub replicas: usize,
    /// Whether the node reads what other regions have received.
    pub reads: bool,
    /// The shards that the node holds.
    pub shards: Shards,
    /// How long updates may wait for others.
    pub linger: Duration,
    /// How long the stream keeps messages, if this node creates it.
    pub retention: Duration,
    /// How often regions are compared; `None` for never.
    pub compare: Option<Duration>,
    /// When a report is answered.
    pub answer: AnswerAfter,
}

impl Settings {
    /// Returns the settings of a node by its herd file; `None` if the herd is on no backbone.
    ///
    /// # Errors
    /// The file of credentials cannot be read, or others can read it, too.
    pub fn of(herd: &Herd, member: &Member) -> Result<Option<Settings>, String> {
        let Some(table) = &herd.backbone else { return Ok(None) };
        if let Some(creds) = &table.creds {
            secret_file::read(creds, "credentials file", |_| Ok(()))?;
        }
        Ok(Some(Settings {
            servers: table.nats.clone(),
            creds: table.creds.clone(),
            ca: table.ca.clone(),
            region: table.region_of_node(herd, member).to_owned(),
            node: member.name.clone(),
            herd: herd.members.iter().map(|member| member.name.clone()).collect(),
            stream: table.stream.clone(),
            replicas: table.replicas,
            reads: table.is_reader(herd, member),
            shards: table.shards_of(member),
            linger: table.linger,
            retention: table.retention,
            compare: table.compare,
            answer: table.answer,
        }))
    }
}
