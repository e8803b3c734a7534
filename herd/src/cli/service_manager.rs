//! What a node says to the service manager that started it, by systemd's notify protocol.
//!
//! A service manager names a socket in `NOTIFY_SOCKET`. The variable stays in the environment, since
//! a node starts no other programs.

use std::env;
use std::io;
use std::time::Duration;

use herd::server::Pulse;
use sd_notify::NotifyState::{MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog};
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long the node waits for a service manager that does not read what it is told.
const PATIENCE: Duration = Duration::from_secs(1);

/// Signs of life in each period in which the service manager expects one.
const SIGNS: u32 = 2;

/// The service manager, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceManager {
    listens: bool,
}

impl ServiceManager {
    /// The one that the environment names.
    pub(super) fn of_environment() -> ServiceManager {
        ServiceManager { listens: env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty()) }
    }

    /// The node serves. `status` says where, for people.
    pub(super) async fn ready(self, status: String) {
        self.tell("ready", move || notify(&[Ready, Status(&status)])).await;
    }

    /// The node has begun to read files again. [`reloaded`](Self::reloaded) must follow.
    pub(super) async fn reloading(self) {
        let reloading = || match NotifyState::monotonic_usec_now()? {
            now @ MonotonicUsec(_) => notify(&[Reloading, now]),
            _ => Ok(()),
        };
        self.tell("reloading", reloading).await;
    }

    /// The node has read files again.
    pub(super) async fn reloaded(self) {
        self.tell("ready", || notify(&[Ready])).await;
    }

    /// The node is about to end.
    pub(super) async fn stopping(self) {
        self.tell("stopping", || notify(&[Stopping])).await;
    }

    /// Gives signs of life for as long as the node serves, if the service manager expects any.
    pub(super) async fn watch(self, pulse: Pulse) {
        let Some(period) = watchdog_enabled().filter(|period| self.listens && !period.is_zero()) else {
            return;
        };
        let mut ticks = interval(period / SIGNS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            pulse.beat().await;
            // Not given up: one that is not read is enough.
            let _ = spawn_blocking(|| notify(&[Watchdog])).await;
        }
    }

    /// Has `send` tell something, in a thread: the socket may be full. The node runs on if that fails.
    async fn tell(self, what: &str, send: impl FnOnce() -> io::Result<()> + Send + 'static) {
        if !self.listens {
            return;
        }
        let reason = match timeout(PATIENCE, spawn_blocking(send)).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it has not read anything for {PATIENCE:?}"),
        };
        tracing::warn!(
            reason,
            state = what,
            "cannot tell the service manager (NOTIFY_SOCKET) the state of the node"
        );
    }
}
