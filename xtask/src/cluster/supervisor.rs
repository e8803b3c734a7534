//! The herd of this checkout: who keeps its nodes, and how other commands reach it.
//!
//! One process supervises the nodes, in the foreground or detached. It holds a lock for as long as it lives, so
//! that there is one herd a checkout and a dead supervisor is never taken for a live one. Other commands send it
//! one line of JSON over loopback, with a token that only the file's owner can read, and get one line back. (A
//! Unix socket would do, but for its short limit on the length of a path.)

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream as AsyncTcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::cluster::health;
use crate::cluster::processes::Processes;
use crate::cluster::workspace::run_dir;

/// How long an answer of the supervisor may take: longer than starting or stopping a large herd.
const ANSWER: Duration = Duration::from_secs(120);

/// How long the supervisor waits for the request of a connection that has been made, and how long that may be.
const REQUEST: Duration = Duration::from_secs(1);
const REQUEST_BYTES: u64 = 64 * 1024;

/// How long the supervisor waits after a connection that it could not accept, instead of spinning.
const REFUSED: Duration = Duration::from_millis(100);

/// A command that looks whether a herd is running shares its lock for a moment; one that starts waits so long.
const GLANCE: Duration = Duration::from_millis(200);

/// How long nodes that have been started may take until they are ready, and how often they are asked meanwhile. Nodes
/// that take longer run on, and the status says why they are not ready.
const READY: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// What to do with the herd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Ask each node for its state.
    Status,
    /// Stop everything.
    Down,
    /// Stop the nodes named, start them again, and wait until they are ready.
    Restart,
    /// Kill the nodes named.
    Kill,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    token: String,
    action: Action,
    nodes: Vec<String>,
}

/// What other commands need to reach the supervisor.
#[derive(Debug, Serialize, Deserialize)]
struct Contact {
    control: SocketAddr,
    token: String,
}

/// A lock on being this checkout's herd.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    _lock: File,
}

impl Claim {
    /// Claims to be the one herd of this checkout.
    ///
    /// # Errors
    /// There is one already; the message says how to stop it.
    pub fn take() -> Result<Claim> {
        let folder = run_dir();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let deadline = Instant::now() + GLANCE;
        loop {
            let lock = lock_file(&folder)?;
            if is_granted(lock.try_lock())? {
                return Ok(Claim { folder, _lock: lock });
            }
            if Instant::now() > deadline {
                bail!("a herd of this checkout is running: stop it with `cargo xtask herd-down`");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where the herd called `name` keeps its files.
    ///
    /// # Errors
    /// The name is no plain name of a folder: it would lead elsewhere.
    pub fn folder_of(&self, name: &str) -> Result<PathBuf> {
        let mut parts = Path::new(name).components();
        let (Some(Component::Normal(only)), None) = (parts.next(), parts.next()) else {
            bail!("a herd called {name:?} has no folder for its logs: choose a name without slashes or dots");
        };
        Ok(self.folder.join(only))
    }
}

/// Whether a lock that was tried was granted; `false` when another process has it.
fn is_granted(tried: Result<(), TryLockError>) -> Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the herd's folder"),
    }
}

fn lock_file(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    open.with_context(|| format!("cannot open {}", path.display()))
}

/// Keeps `processes`, until a signal or a command stops them. Nodes that die stay dead until they are restarted.
/// `ready` is called with the herd's status once other commands can reach the herd and its nodes are ready.
///
/// # Errors
/// Signals or connections cannot be set up; the nodes are killed then.
pub async fn supervise(
    claim: Claim,
    mut processes: Processes,
    ready: impl FnOnce(&Value) -> Result<()>,
) -> Result<()> {
    let mut stop = StopSignals::listen()?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for commands")?;
    let token = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
    let contact = Contact { control: listener.local_addr()?, token };
    write_contact(&claim.folder, &contact)?;
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(listen(listener, contact.token.into(), sender));
    tokio::select! {
        () = stop.wait() => {}
        served = serve(&claim, &mut processes, ready, requests) => return served,
    }
    let _ = fs::remove_file(contact_file(&claim.folder));
    processes.stop_all()
}

/// Does what other commands ask for, until one stops the herd.
async fn serve(
    claim: &Claim,
    processes: &mut Processes,
    ready: impl FnOnce(&Value) -> Result<()>,
    mut requests: mpsc::Receiver<(Request, AsyncTcpStream)>,
) -> Result<()> {
    let mut child = signal(SignalKind::child())?;
    wait_until_ready(processes, &processes.names()).await?;
    ready(&status(processes).await?)?;
    loop {
        tokio::select! {
            _ = child.recv() => processes.reap()?,
            Some((request, mut stream)) = requests.recv() => {
                let down = request.action == Action::Down;
                let done = act(processes, request).await;
                let reply = done.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
                if down {
                    // The herd is down when nobody holds the claim any more: see `request`.
                    let _ = fs::remove_file(contact_file(&claim.folder));
                }
                // Whoever asked may have gone away.
                let _ = timeout(REQUEST, stream.write_all(format!("{reply}\n").as_bytes())).await;
                if down {
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

    /// Waits for one of them.
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Hands on what is asked, each with the connection that waits for its answer. Every connection is read in a task
/// of its own: those that stay silent keep nobody waiting.
async fn listen(listener: TcpListener, token: Arc<str>, requests: mpsc::Sender<(Request, AsyncTcpStream)>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            sleep(REFUSED).await;
            continue;
        };
        let (token, requests) = (Arc::clone(&token), requests.clone());
        tokio::spawn(async move {
            if let Ok(Some(request)) = timeout(REQUEST, read_request(&mut stream, &token)).await {
                // Fails only when the supervisor has ended.
                let _ = requests.send((request, stream)).await;
            }
        });
    }
}

/// Reads one request; `None` when it is none, or has another token.
async fn read_request(stream: &mut AsyncTcpStream, token: &str) -> Option<Request> {
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(stream.take(REQUEST_BYTES));
    reader.read_line(&mut line).await.ok()?;
    serde_json::from_str::<Request>(&line).ok().filter(|request| request.token == token)
}

async fn act(processes: &mut Processes, request: Request) -> Result<Value> {
    let nodes = request.nodes;
    match request.action {
        Action::Status => {}
        Action::Down => processes.stop_all()?,
        Action::Kill => processes.kill(&nodes)?,
        Action::Restart => {
            let nodes = if nodes.is_empty() { processes.names() } else { nodes };
            processes.stop(&nodes)?;
            processes.start(&nodes)?;
            wait_until_ready(processes, &nodes).await?;
        }
    }
    status(processes).await
}

/// Waits until the nodes named are ready, except those that have ended.
async fn wait_until_ready(processes: &mut Processes, names: &[String]) -> Result<()> {
    let deadline = Instant::now() + READY;
    loop {
        let nodes = health::of_all(processes).await?;
        let mut named = nodes.iter().filter(|(name, _)| names.contains(name));
        if !named.any(|(_, health)| health.may_get_ready()) || Instant::now() > deadline {
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

/// The herd's name, and of each node its name, addresses, process, log, state and neighbours, and what it says of itself.
async fn status(processes: &mut Processes) -> Result<Value> {
    let mut nodes = Vec::new();
    for (name, health) in health::of_all(processes).await? {
        let (pid, log, admin) = (processes.pid(&name)?, processes.log(&name), processes.admin(&name)?);
        let (member, says) = (processes.member(&name)?, health.status());
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
            "durability": says["durability"],
            "status": says,
        }));
    }
    Ok(json!({ "herd": processes.herd().name, "nodes": nodes }))
}

/// Has the supervisor of this checkout's herd do something, and returns the herd's status after it. A herd that
/// was told to go down is gone when this returns.
///
/// # Errors
/// No herd is running, or it says what went wrong.
pub fn request(action: Action, nodes: &[String]) -> Result<Value> {
    let folder = run_dir();
    let no_herd = || anyhow!("no herd of this checkout is running: start one with `cargo xtask herd-up`");
    // Whoever can share the lock has found no supervisor, and does not look like one to the next who asks.
    let lock = folder.is_dir().then(|| lock_file(&folder)).transpose()?.ok_or_else(no_herd)?;
    if is_granted(lock.try_lock_shared())? {
        return Err(no_herd());
    }
    let contact = fs::read(contact_file(&folder))
        .map_err(|_| anyhow!("the herd is just starting or stopping: try again"))?;
    let contact: Contact =
        serde_json::from_slice(&contact).context("the herd is just starting: try again")?;
    let mut stream =
        TcpStream::connect(contact.control).context("the herd's supervisor cannot be reached")?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request = serde_json::to_string(&Request { token: contact.token, action, nodes: nodes.to_vec() })?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).context("the herd's supervisor did not answer")?;
    let reply: Value = serde_json::from_str(&reply).context("the herd's supervisor did not answer")?;
    if action == Action::Down {
        let deadline = Instant::now() + ANSWER;
        while !is_granted(lock.try_lock_shared())? {
            if Instant::now() > deadline {
                bail!("the herd is down, but its supervisor has not ended");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    match reply["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(reply),
    }
}

fn contact_file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

/// Written under another name first: readers see all of it or nothing.
fn write_contact(folder: &Path, contact: &Contact) -> Result<()> {
    let (path, draft) = (contact_file(folder), folder.join("state.json.new"));
    let mut file = File::create(&draft).with_context(|| format!("cannot write {}", draft.display()))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(serde_json::to_string(contact)?.as_bytes())?;
    fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))
}
