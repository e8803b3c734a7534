//! Sends lines to a node while its answers arrive.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until};

use super::input::Lines;
use super::printer::Printer;
use super::{SayError, Tally, Target, is_tls_alert};
use crate::net::{Exchanged, Stream, exchange};
use crate::node::Limits;

/// The room for one read, and the bytes from which on lines are sent instead of collected.
const ROOM: usize = 64 * 1024;

/// Sends lines, and prints the answers. When all lines are answered and no more come, the sending
/// side is closed, and so the node closes the connection. It is not closed before: over TLS,
/// closing waits until everything is sent, and a node whose answers nobody reads meanwhile reads no
/// more.
///
/// # Errors
/// There is no connection within `patience`, it is lost or closed early, or the node answers
/// nothing for `patience` although lines are unanswered. Answers that came before have been
/// printed.
pub(super) async fn converse(
    target: &Target,
    lines: &mut Lines,
    patience: Duration,
    printer: &mut Printer<'_>,
) -> Result<(), SayError> {
    let mut stream = target.dial(patience).await?;
    let lost = |printer: &Printer<'_>| SayError::Lost { target: target.to_string(), tally: printer.tally };
    // What is being sent, and how much of it has been.
    let mut output = Vec::new();
    let mut sent = 0;
    let mut input = Vec::with_capacity(ROOM);
    let mut is_open = true;
    let mut is_shut = false;
    let mut is_first = true;
    let mut progress = Instant::now();
    loop {
        let is_sent = sent == output.len();
        if is_sent && !is_open && !is_shut && printer.tally.answers >= printer.tally.lines {
            // If this fails, so does the next read.
            let _ = stream.shutdown().await;
            is_shut = true;
        }
        let owes = !is_sent || is_shut || printer.tally.answers < printer.tally.lines;
        tokio::select! {
            biased;
            more = lines.recv(), if is_open && is_sent => match more {
                Some(more) => {
                    output = more.map_err(SayError::Input)?;
                    while output.len() < ROOM && let Ok(more) = lines.try_recv() {
                        output.extend(more.map_err(SayError::Input)?);
                    }
                    note(&output, printer);
                    sent = 0;
                    progress = Instant::now();
                }
                None => is_open = false,
            },
            done = exchange(&mut stream, Some(&mut input), &output[sent..]) => {
                let Ok(Exchanged { read, written }) = done else { return Err(lost(printer)) };
                progress = Instant::now();
                sent += written.unwrap_or_default();
                if is_first && is_tls_alert(&input) && matches!(stream, Stream::Plain(_)) {
                    return Err(SayError::NeedsTls(target.to_string()));
                }
                is_first &= input.is_empty();
                printer.print(&input).map_err(SayError::Output)?;
                input.clear();
                if read == Some(0) {
                    break;
                }
            }
            () = sleep_until(progress + patience), if owes => {
                return Err(SayError::Silent { target: target.to_string(), patience, tally: printer.tally });
            }
        }
    }
    let is_whole = printer.is_whole();
    printer.finish().map_err(SayError::Output)?;
    match printer.tally {
        Tally { answers, lines, .. } if answers < lines => Err(lost(printer)),
        _ if !is_whole => Err(SayError::Cut(target.to_string())),
        _ if is_open => Err(SayError::Early(target.to_string())),
        _ => Ok(()),
    }
}

/// Counts lines that are about to be sent, and notes the first one that is too long for a node with
/// the usual limits.
fn note(lines: &[u8], printer: &mut Printer<'_>) {
    let Limits { line_bytes, echo_bytes, .. } = Limits::default();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        printer.tally.lines += 1;
        if line.trim_ascii_end().len() > line_bytes {
            printer.note_long(&line[..echo_bytes]);
        }
    }
}
