//! What stops a node.

use std::io::Read;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A process whose node hangs ends this long after its standard input has ended.
const LAST_RESORT: Duration = Duration::from_secs(2);

/// Stops the node at SIGTERM and SIGINT alike.
pub(super) fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Once listened to, it never ends the process again: that a file may not grow is an error of its write.
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

/// Stops the node when standard input ends, and the process even if the node hangs: whoever holds the other
/// end of a pipe takes the node along, however it dies. A thread, since reading standard input cannot be
/// cancelled.
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
