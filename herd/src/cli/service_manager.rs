//! Notifies the service manager that started the node, by systemd's notify protocol.
//!
//! A service manager names a socket in `NOTIFY_SOCKET`. The variable stays in the environment,
//! since a node starts no other programs.

use std::env;
use std::io;
use std::time::Duration;

use herd::server::Pulse;
use sd_notify::NotifyState::{
    ExtendTimeoutUsec, MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog,
};
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long the node waits for a service manager that does not read its socket.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watchdog notifications per watchdog period. Two, so that one may be late.
const SIGNS: u32 = 2;

/// The service manager, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceManager {
    listens: bool,
}

impl ServiceManager {
    /// The service manager that the environment names.
    pub(super) fn of_environment() -> ServiceManager {
        ServiceManager { listens: env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty()) }
    }

    /// Reports that the node is still starting, and asks for this much more time.
    pub(super) async fn starting(self, extension: Duration) {
        let microseconds = u32::try_from(extension.as_micros()).unwrap_or(u32::MAX);
        self.notify("starting", move || notify(&[ExtendTimeoutUsec(microseconds)])).await;
    }

    /// Reports that the node serves. `status` is shown to operators.
    pub(super) async fn ready(self, status: String) {
        self.notify("ready", move || notify(&[Ready, Status(&status)])).await;
    }

    /// Reports that the node has begun to reload files. [`reloaded`](Self::reloaded) must follow.
    pub(super) async fn reloading(self) {
        let reloading = || match NotifyState::monotonic_usec_now()? {
            now @ MonotonicUsec(_) => notify(&[Reloading, now]),
            _ => Ok(()),
        };
        self.notify("reloading", reloading).await;
    }

    /// Reports that the node has reloaded its files.
    pub(super) async fn reloaded(self) {
        self.notify("ready", || notify(&[Ready])).await;
    }

    /// Reports that the node is about to exit.
    pub(super) async fn stopping(self) {
        self.notify("stopping", || notify(&[Stopping])).await;
    }

    /// Sends watchdog notifications while the node serves, if the service manager expects them.
    pub(super) async fn watch(self, pulse: Pulse) {
        let Some(period) = watchdog_enabled().filter(|period| self.listens && !period.is_zero()) else {
            return;
        };
        let mut ticks = interval(period / SIGNS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            pulse.beat().await;
            // A failure is ignored: the next notification may succeed.
            let _ = spawn_blocking(|| notify(&[Watchdog])).await;
        }
    }

    /// Runs `send` in a thread, since the socket may be full. A failure is logged, and the node
    /// runs on.
    async fn notify(self, what: &str, send: impl FnOnce() -> io::Result<()> + Send + 'static) {
        if !self.listens {
            return;
        }
        let reason = match timeout(PATIENCE, spawn_blocking(send)).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it has not read its socket for {PATIENCE:?}"),
        };
        tracing::warn!(
            reason,
            state = what,
            "cannot notify the service manager (NOTIFY_SOCKET) of the state of the node"
        );
    }
}
