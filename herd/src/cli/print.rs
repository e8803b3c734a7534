//! Writing to the streams of the process.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

/// How long a message for a stream that nobody reads is waited for.
const UNREAD: Duration = Duration::from_millis(500);

/// Writes to a stream whose reader may have gone, or may have stopped reading: then gives up after [`UNREAD`].
pub(super) fn print(mut stream: impl Write + Send + 'static, text: String) {
    let (done, written) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
        drop(done);
    });
    let _ = written.recv_timeout(UNREAD);
}
