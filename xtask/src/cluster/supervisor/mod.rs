//! The supervisor of this checkout's herd, and how other commands reach it.
//!
//! One process supervises the nodes, in the foreground or detached. It holds a file lock until it
//! exits, so a checkout has at most one herd, and a crashed supervisor is never mistaken for a
//! running one. Other commands connect over loopback, send one line of JSON with a token from a
//! file that only its owner can read, and get one line of JSON back. (The path of a Unix socket
//! would be too long in some checkouts.)

mod client;
mod herd_lock;

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

pub use client::request_action;
pub use herd_lock::HerdLock;

use crate::cluster::health::fetch_health;
use crate::cluster::processes::Processes;

/// The time limit for the request of a new connection, and for sending the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The greatest length of a request, in bytes.
const REQUEST_BYTES: u64 = 64 * 1024;

/// The pause after a connection that could not be accepted, which keeps the supervisor from
/// spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time limit for started nodes to get ready. Nodes that take longer keep running, and the
/// status says why they are not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// The time between two checks of whether nodes are ready.
const READY_POLL: Duration = Duration::from_millis(20);

/// An action of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HerdAction {
    /// Ask each node for its state.
    Status,
    /// Stop all nodes and the supervisor.
    Down,
    /// Stop the named nodes, or all if none is named, start them again, and wait until they are
    /// ready.
    Restart,
    /// Kill the named nodes.
    Kill,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    token: String,
    action: HerdAction,
    nodes: Vec<String>,
}

/// The address and the token with which other commands reach the supervisor.
#[derive(Debug, Serialize, Deserialize)]
struct Contact {
    control: SocketAddr,
    token: String,
}

/// Supervises `processes` until a signal or a command stops them. Nodes that crash stay down until
/// they are restarted. Calls `ready` with the herd's status once other commands can reach the
/// supervisor and the nodes are ready, or after 10 seconds.
///
/// # Errors
/// Signals or connections cannot be set up, or `ready` fails. The nodes are killed.
pub async fn supervise(
    lock: HerdLock,
    mut processes: Processes,
    ready: impl FnOnce(&Value) -> Result<()>,
) -> Result<()> {
    let mut stop = StopSignals::listen()?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for other commands")?;
    let token = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
    let contact = Contact { control: listener.local_addr()?, token };
    write_contact(&lock.folder, &contact)?;
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(accept_requests(listener, contact.token.into(), sender));
    tokio::select! {
        () = stop.wait() => {}
        served = serve_requests(&lock, &mut processes, ready, requests) => return served,
    }
    let _ = fs::remove_file(contact_file(&lock.folder));
    processes.stop_all()
}

/// Performs what other commands request, until one stops the herd.
async fn serve_requests(
    lock: &HerdLock,
    processes: &mut Processes,
    ready: impl FnOnce(&Value) -> Result<()>,
    mut requests: mpsc::Receiver<(Request, TcpStream)>,
) -> Result<()> {
    let mut child = signal(SignalKind::child())?;
    wait_until_ready(processes, &processes.names()).await?;
    ready(&status(processes).await?)?;
    loop {
        tokio::select! {
            _ = child.recv() => processes.reap_exited()?,
            Some((request, mut stream)) = requests.recv() => {
                let is_down = request.action == HerdAction::Down;
                let status = perform_action(processes, request).await;
                let reply = status.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
                if is_down {
                    // The command then waits until the lock is free: see `request_action`.
                    let _ = fs::remove_file(contact_file(&lock.folder));
                }
                // The command may have exited.
                let _ = timeout(REQUEST_TIMEOUT, stream.write_all(format!("{reply}\n").as_bytes())).await;
                if is_down {
                    return Ok(());
                }
            }
        }
    }
}

/// The signals that stop a herd.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    fn listen() -> Result<StopSignals> {
        Ok(StopSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of these signals.
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Accepts connections, and sends each request with the connection that waits for its answer. Every
/// connection has its own task, so a silent one does not delay the others.
async fn accept_requests(
    listener: TcpListener,
    token: Arc<str>,
    requests: mpsc::Sender<(Request, TcpStream)>,
) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (token, requests) = (Arc::clone(&token), requests.clone());
        tokio::spawn(async move {
            if let Ok(Some(request)) = timeout(REQUEST_TIMEOUT, read_request(&mut stream, &token)).await {
                // This fails only if the supervisor is about to exit.
                let _ = requests.send((request, stream)).await;
            }
        });
    }
}

/// Reads one request. Returns `None` if the line is not a request or has another token.
async fn read_request(stream: &mut TcpStream, token: &str) -> Option<Request> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.take(REQUEST_BYTES));
    reader.read_line(&mut line).await.ok()?;
    serde_json::from_str::<Request>(&line).ok().filter(|request| request.token == token)
}

/// Performs an action, and returns the herd's status after it.
async fn perform_action(processes: &mut Processes, request: Request) -> Result<Value> {
    let nodes = request.nodes;
    match request.action {
        HerdAction::Status => {}
        HerdAction::Down => processes.stop_all()?,
        HerdAction::Kill => processes.kill(&nodes)?,
        HerdAction::Restart => {
            let nodes = if nodes.is_empty() { processes.names() } else { nodes };
            processes.stop(&nodes)?;
            processes.start(&nodes)?;
            wait_until_ready(processes, &nodes).await?;
        }
    }
    status(processes).await
}

/// Waits until the named nodes are ready or down, for at most [`READY_TIMEOUT`].
async fn wait_until_ready(processes: &mut Processes, names: &[String]) -> Result<()> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let nodes = fetch_health(processes).await?;
        let mut named = nodes.iter().filter(|(name, _)| names.contains(name));
        if !named.any(|(_, health)| health.may_get_ready()) || Instant::now() > deadline {
            return Ok(());
        }
        sleep(READY_POLL).await;
    }
}

/// Returns the herd's name, and for each node its name, addresses, process id, log, state and
/// neighbours, and its answer at `/status`.
async fn status(processes: &mut Processes) -> Result<Value> {
    let mut nodes = Vec::new();
    for (name, health) in fetch_health(processes).await? {
        let (pid, log, admin) = (processes.pid(&name)?, processes.log(&name), processes.admin(&name)?);
        let (member, status) = (processes.member(&name)?, health.status());
        nodes.push(json!({
            "name": name,
            "client": member.client,
            "link": member.link,
            "admin": admin.or(member.admin),
            "pid": pid,
            "log": log,
            "state": health.word(),
            "reasons": health.reasons(),
            "neighbours": member.neighbours,
            "durability": status["durability"],
            "status": status,
        }));
    }
    Ok(json!({ "herd": processes.herd().name, "nodes": nodes }))
}

fn contact_file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

/// Writes the contact to another file first, so that readers see all of it or nothing.
fn write_contact(folder: &Path, contact: &Contact) -> Result<()> {
    let (path, draft) = (contact_file(folder), folder.join("state.json.new"));
    let mut file = File::create(&draft).with_context(|| format!("cannot write {}", draft.display()))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(serde_json::to_string(contact)?.as_bytes())?;
    fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))
}
