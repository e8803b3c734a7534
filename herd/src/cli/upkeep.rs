//! What a node looks after while it runs: files that others change, and certificates that end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use herd::telemetry::LogFile;
use herd::tls::{EXPIRES_SOON, Encryption, Reloadable};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::service_manager::ServiceManager;

/// How often certificates are looked at.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Catches SIGHUP from now on, which would end the process otherwise.
///
/// # Errors
/// Signals cannot be listened for.
pub(super) fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// At SIGHUP reopens the log file and reads certificates again: links that are up stay, unless the new files reject
/// their certificates. Warns each day of certificates that end soon.
pub(super) async fn run(
    mut hangups: Signal,
    log_file: LogFile,
    encryption: Arc<Encryption>,
    disk_patience: Duration,
    manager: ServiceManager,
) {
    loop {
        warn_of_ends(&encryption);
        if timeout(DAY, hangups.recv()).await.is_err() {
            continue;
        }
        manager.reloading().await;
        let log_file = log_file.clone();
        let encryption = Arc::clone(&encryption);
        // In threads, since a disk may hang. A hanging log does not keep certificates from being read.
        let reopening = spawn_blocking(move || reopen(&log_file));
        let _ = timeout(disk_patience, reopening).await;
        let reading = spawn_blocking(move || {
            reload("links", encryption.links.as_ref());
            reload("clients", encryption.clients.as_ref());
        });
        let _ = timeout(disk_patience, reading).await;
        manager.reloaded().await;
    }
}

fn reopen(log_file: &LogFile) {
    match log_file.reopen() {
        Ok(true) => tracing::info!("log file reopened"),
        Ok(false) => {}
        Err(error) => {
            tracing::error!(%error, "cannot reopen the log file: logging continues in the old one");
        }
    }
}

/// Reads the certificates of one kind of connection again, if it has any, and logs what came of that.
fn reload<T>(connections: &str, certificates: Option<&Reloadable<T>>) {
    match certificates.map(Reloadable::reload) {
        None => {}
        Some(Ok(())) => tracing::info!(connections, "certificates read again"),
        Some(Err(error)) => tracing::warn!(connections, %error, "certificates stay as they were"),
    }
}

fn warn_of_ends(encryption: &Encryption) {
    for (connections, end) in encryption.expiries() {
        let ends = humantime::format_rfc3339_seconds(end);
        match end.duration_since(SystemTime::now()) {
            Err(_) => {
                tracing::error!(connections, %ends, "the certificate has ended: neighbours and clients reject it");
            }
            Ok(left) if left <= EXPIRES_SOON => {
                let days = left.as_secs() / DAY.as_secs();
                tracing::warn!(connections, %ends, days, "the certificate ends soon: replace it, then send SIGHUP");
            }
            Ok(_) => {}
        }
    }
}
