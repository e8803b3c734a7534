//! Reloads files on SIGHUP, changes the log's level on SIGUSR1, and warns about certificates that
//! expire.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use herd::places::osm::{Osm, Summary};
use herd::telemetry::{LogFile, toggle_debug};
use herd::tls::{EXPIRES_SOON, Encryption, Reloadable};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::service_manager::ServiceManager;

/// How often the expiry of certificates is checked.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Catches SIGHUP from now on, which would otherwise end the process.
///
/// # Errors
/// The signal handler cannot be installed.
pub(super) fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Changes the level of the log at each SIGUSR1, which would otherwise end the process: to debug,
/// and back. Call it after the log has been started.
///
/// # Errors
/// The signal handler cannot be installed.
pub(super) fn toggle_log_level() -> std::io::Result<()> {
    let mut requests = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while requests.recv().await.is_some() {
            toggle_debug();
        }
    });
    Ok(())
}

/// Reopens the log file and reloads certificates and places on SIGHUP. Links that are up stay,
/// unless the new files reject their certificates. Warns each day about certificates that expire
/// soon.
pub(super) async fn run(
    mut hangups: Signal,
    log_file: LogFile,
    encryption: Arc<Encryption>,
    places: Option<Osm>,
    disk_patience: Duration,
    manager: ServiceManager,
) {
    loop {
        warn_of_expiry(&encryption);
        if timeout(DAY, hangups.recv()).await.is_err() {
            continue;
        }
        manager.reloading().await;
        let log_file = log_file.clone();
        let encryption = Arc::clone(&encryption);
        // In threads, since a disk may hang. A log that hangs does not delay the certificates for
        // longer than `disk_patience`.
        let reopening = spawn_blocking(move || reopen(&log_file));
        let _ = timeout(disk_patience, reopening).await;
        let reading = spawn_blocking(move || {
            reload("links", encryption.links.as_ref());
            reload("clients", encryption.clients.as_ref());
        });
        let _ = timeout(disk_patience, reading).await;
        let places = places.clone();
        let _ = timeout(disk_patience, spawn_blocking(move || places.as_ref().map(reload_places))).await;
        manager.reloaded().await;
    }
}

fn reopen(log_file: &LogFile) {
    match log_file.reopen() {
        Ok(true) => tracing::info!("log file reopened"),
        Ok(false) => {}
        Err(error) => {
            tracing::error!(%error, "cannot reopen the log file; the old file stays in use");
        }
    }
}

/// Reloads the certificates of one kind of connection, if it has any, and logs the result.
fn reload<T>(connections: &str, certificates: Option<&Reloadable<T>>) {
    match certificates.map(Reloadable::reload) {
        None => {}
        Some(Ok(())) => tracing::info!(connections, "certificates reloaded"),
        Some(Err(error)) => {
            tracing::warn!(connections, %error, "cannot reload certificates; the old ones stay in use");
        }
    }
}

/// Reads the places file again, and logs the result.
fn reload_places(osm: &Osm) {
    match osm.reload() {
        Ok(()) => {
            let Summary { places, bytes, .. } = osm.summary();
            tracing::info!(places, bytes, "places file reloaded");
        }
        Err(error) => {
            tracing::warn!(%error, "cannot reload the places file; the former places stay in use");
        }
    }
}

fn warn_of_expiry(encryption: &Encryption) {
    for (connections, end) in encryption.expiries() {
        let expires = humantime::format_rfc3339_seconds(end);
        match end.duration_since(SystemTime::now()) {
            Err(_) => {
                tracing::error!(connections, %expires, "certificate expired; neighbours and clients reject it");
            }
            Ok(left) if left <= EXPIRES_SOON => {
                let days = left.as_secs() / DAY.as_secs();
                tracing::warn!(connections, %expires, days, "certificate expires soon; replace it, then send SIGHUP");
            }
            Ok(_) => {}
        }
    }
}
