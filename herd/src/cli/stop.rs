//! The signals and the end of standard input, which stop a node.

use std::io::Read;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long after the end of standard input the process exits even if its node hangs.
const LAST_RESORT: Duration = Duration::from_secs(2);

/// Stops the node on SIGTERM or SIGINT.
pub(super) fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // SIGXFSZ would kill the process when a file reaches the size limit. Once a listener has
    // existed, the write fails with an error instead.
    let _ = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Stops the node when standard input ends, and exits the process even if the node hangs. The node
/// so exits with the process at the other end of the pipe, however that process ends. Runs in a
/// thread, since a read of standard input cannot be cancelled.
pub(super) fn stop_with_stdin(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut discarded = [0; 256];
        let mut stdin = std::io::stdin().lock();
        while !matches!(stdin.read(&mut discarded), Ok(0) | Err(_)) {}
        stop.cancel();
        std::thread::sleep(LAST_RESORT);
        std::process::exit(1);
    });
}
