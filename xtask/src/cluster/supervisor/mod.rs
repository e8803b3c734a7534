//! The supervisor of this checkout's herd, and how other commands reach it.
//!
//! One process supervises the nodes, in the foreground or detached. It holds a file lock until it
//! exits, so a checkout has at most one herd, and a crashed supervisor is never mistaken for a
//! running one. Other commands connect over loopback, send one line of JSON with a token from a
//! file that only its owner can read, and get one line of JSON back. (The path of a Unix socket
//! would be too long in some checkouts.)

mod client;
mod herd;
mod herd_lock;
mod known;
mod protocol;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

pub use client::{SupervisorClient, request_action};
pub use herd::{Records, SupervisedHerd};
pub use herd_lock::HerdLock;
pub use protocol::HerdAction;

use herd::Actor;
use known::KnownHerd;
use protocol::{Contact, Request, contact_file, read_request, write_contact};

/// The reason why links cannot be cut, and what to do.
pub const WHY_NO_CUTS: &str =
    "links of this herd cannot be cut: start it with `cargo xtask herd-up --proxy-links`";

/// The time limit for the request of a new connection, and for sending the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause after a connection that could not be accepted, which keeps the supervisor from
/// spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request that changes the herd, and the connection that waits for its answer.
type Waiting = (Request, TcpStream);

/// Supervises a herd until a signal or a command stops its nodes. Nodes that crash stay down until
/// they are restarted. Calls `ready` with the herd's status once other commands can reach the
/// supervisor and the nodes are ready, or after 10 seconds.
///
/// # Errors
/// Signals or connections cannot be set up, or `ready` fails. The nodes still run, until `herd` is
/// dropped.
pub async fn supervise(
    lock: &HerdLock,
    herd: &mut SupervisedHerd,
    ready: impl FnOnce(&Value) -> Result<()>,
) -> Result<()> {
    let mut stop = StopSignals::listen()?;
    let mut actor = Actor::new(herd)?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for other commands")?;
    let token = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
    let contact = Contact { control: listener.local_addr()?, token };
    write_contact(&lock.folder, &contact)?;
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(accept_requests(listener, contact.token.into(), actor.known(), sender));
    tokio::select! {
        () = stop.wait() => {}
        served = serve_requests(lock, &mut actor, ready, requests) => return served,
    }
    let _ = fs::remove_file(contact_file(&lock.folder));
    actor.stop_all()
}

/// Performs what other commands request, one request after the other, until one stops the herd.
async fn serve_requests(
    lock: &HerdLock,
    actor: &mut Actor<'_>,
    ready: impl FnOnce(&Value) -> Result<()>,
    mut requests: mpsc::Receiver<Waiting>,
) -> Result<()> {
    let mut child = signal(SignalKind::child())?;
    let known = actor.known();
    actor.wait_until_ready(&actor.names()).await?;
    let status = known.borrow().clone().status();
    ready(&status.await)?;
    loop {
        tokio::select! {
            _ = child.recv() => actor.publish()?,
            Some((request, mut stream)) = requests.recv() => {
                let is_down = request.action == HerdAction::Down;
                let done = actor.perform(request.action, request.nodes).await;
                let status = known.borrow().clone().status();
                let reply = match done {
                    Ok(()) => status.await,
                    Err(error) => json!({ "error": format!("{error:#}") }),
                };
                if is_down {
                    // The command then waits until the lock is free: see `request_action`.
                    let _ = fs::remove_file(contact_file(&lock.folder));
                }
                send_reply(&mut stream, &reply).await;
                if is_down {
                    return Ok(());
                }
            }
        }
    }
}

async fn send_reply(stream: &mut TcpStream, reply: &Value) {
    // The command may have exited.
    let _ = timeout(REQUEST_TIMEOUT, stream.write_all(format!("{reply}\n").as_bytes())).await;
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

/// Accepts connections. Every connection has its own task, so a silent one does not delay the
/// others.
async fn accept_requests(
    listener: TcpListener,
    token: Arc<str>,
    known: watch::Receiver<KnownHerd>,
    requests: mpsc::Sender<Waiting>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        tokio::spawn(serve_connection(stream, Arc::clone(&token), known.clone(), requests.clone()));
    }
}

/// Answers a request that only looks at the herd, also while an action is under way, and passes
/// others on.
async fn serve_connection(
    mut stream: TcpStream,
    token: Arc<str>,
    known: watch::Receiver<KnownHerd>,
    requests: mpsc::Sender<Waiting>,
) {
    let request = timeout(REQUEST_TIMEOUT, read_request(&mut stream, &token)).await;
    let Ok(Some(request)) = request else { return };
    if !request.action.only_looks() {
        // This fails only if the supervisor is about to exit.
        let _ = requests.send((request, stream)).await;
        return;
    }
    let known = known.borrow().clone();
    let reply = if request.action == HerdAction::Status { known.status().await } else { known.processes() };
    send_reply(&mut stream, &reply).await;
}
