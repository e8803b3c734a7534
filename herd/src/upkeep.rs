//! What a node looks after while it runs: files that others change, and certificates that end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use herd::telemetry::LogFile;
use herd::tls::{EXPIRES_SOON, Encryption};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// How often certificates are looked at.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Begins to look after the log file and the certificates, until the process ends.
///
/// # Errors
/// Signals cannot be listened for.
pub(crate) fn begin(log_file: LogFile, encryption: Arc<Encryption>) -> std::io::Result<()> {
    let hangups = signal(SignalKind::hangup())?;
    tokio::spawn(look_after(log_file, encryption, hangups));
    Ok(())
}

/// At SIGHUP opens the log file anew, and reads certificates again: links that are up stay, unless the new files reject
/// their certificates. Warns each day of certificates that end soon.
async fn look_after(log_file: LogFile, encryption: Arc<Encryption>, mut hangups: Signal) {
    loop {
        warn_of_ends(&encryption);
        if timeout(DAY, hangups.recv()).await.is_err() {
            continue;
        }
        if let Err(error) = log_file.reopen() {
            tracing::error!(%error, "cannot open the log file anew: the log goes on in the old one");
        }
        let refused = encryption.reload();
        for error in &refused {
            tracing::warn!(%error, "certificates stay as they were");
        }
        if refused.is_empty() {
            tracing::info!("log file opened anew, certificates read again");
        }
    }
}

fn warn_of_ends(encryption: &Encryption) {
    for (connections, end) in encryption.expiries() {
        let ends = humantime::format_rfc3339_seconds(end);
        match end.duration_since(SystemTime::now()) {
            Err(_) => tracing::error!(connections, %ends, "the certificate has ended: nobody will take it"),
            Ok(left) if left <= EXPIRES_SOON => {
                tracing::warn!(connections, %ends, "the certificate ends within 30 days: make another, then SIGHUP");
            }
            Ok(_) => {}
        }
    }
}
