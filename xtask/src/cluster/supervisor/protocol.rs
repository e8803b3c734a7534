//! What commands and the supervisor say to each other: one line of JSON each way.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// The greatest length of a request, in bytes.
const REQUEST_BYTES: u64 = 64 * 1024;

/// An action of the supervisor. Each answers with the herd's status after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HerdAction {
    /// Ask each node for its state.
    Status,
    /// Show which nodes run or are paused, without asking them.
    Processes,
    /// Stop all nodes and the supervisor.
    Down,
    /// Stop the named nodes, or all if none is named, start them again, and wait until they are
    /// ready.
    Restart,
    /// Kill the named nodes.
    Kill,
    /// Stop the named nodes.
    Stop,
    /// Start those of the named nodes that are down.
    Start,
    /// Pause the named nodes.
    Pause,
    /// Resume the named nodes.
    Resume,
    /// Cut the link between the two named nodes.
    Cut,
    /// Heal the link between the two named nodes.
    Heal,
    /// Resume nodes, heal links, and wait until the nodes are ready: all if no node is named, the
    /// links of a node if one is named, and those among them if several are.
    HealNodes,
    /// Stop all nodes, heal all links, delete the nodes' records, start all nodes again, and wait
    /// until they are ready.
    Empty,
}

impl HerdAction {
    /// Returns whether the action changes nothing.
    pub(super) fn only_looks(self) -> bool {
        matches!(self, HerdAction::Status | HerdAction::Processes)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) token: String,
    pub(super) action: HerdAction,
    /// The nodes, or the two ends of a link.
    pub(super) nodes: Vec<String>,
}

/// The address and the token with which other commands reach the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Contact {
    pub(super) control: SocketAddr,
    pub(super) token: String,
}

/// Reads one request. Returns `None` if the line is not a request or has another token.
pub(super) async fn read_request(stream: &mut TcpStream, token: &str) -> Option<Request> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.take(REQUEST_BYTES));
    reader.read_line(&mut line).await.ok()?;
    serde_json::from_str::<Request>(&line).ok().filter(|request| request.token == token)
}

pub(super) fn contact_file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

/// Writes the contact to another file first, so that readers see all of it or nothing.
pub(super) fn write_contact(folder: &Path, contact: &Contact) -> Result<()> {
    let (path, draft) = (contact_file(folder), folder.join("state.json.new"));
    let mut file = File::create(&draft).with_context(|| format!("cannot write {}", draft.display()))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(serde_json::to_string(contact)?.as_bytes())?;
    fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))
}
