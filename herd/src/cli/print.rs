//! Writing to the streams of the process.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

/// How long to wait for a stream whose reader does not read.
const UNREAD: Duration = Duration::from_millis(500);

/// Writes to a stream. Errors are ignored, since the reader may be gone; if the reader does not
/// read, the call returns after [`UNREAD`].
pub(super) fn print(mut stream: impl Write + Send + 'static, text: String) {
    let (done, written) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
        drop(done);
    });
    let _ = written.recv_timeout(UNREAD);
}
