//! Writing to the streams of the process.

use std::io::{ErrorKind, Result, Write};
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

/// Writes the result of a command to standard output. A closed pipe is not an error: a reader such
/// as `head` closes it once it has enough lines.
///
/// # Errors
/// The result cannot be written, such as to a full disk.
pub(super) fn print_result(text: &str) -> anyhow::Result<()> {
    Ok(ignore_closed_pipe(std::io::stdout().write_all(text.as_bytes()))?)
}

/// The result of writing to standard output, unless its reader has closed it.
pub(super) fn ignore_closed_pipe(written: Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
