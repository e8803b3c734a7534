//! The log: one line an event, in which everything can be seen, to a file or to standard error.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::printable;

/// How much is logged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    /// What needs somebody's attention.
    Error,
    /// And what is wrong, but mends itself.
    Warn,
    /// And every link that came up or went down.
    Info,
    /// And every line received and answered.
    Debug,
    /// And every heartbeat.
    Trace,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The file that a log goes to, if any.
#[derive(Clone, Debug)]
pub struct LogFile(Option<(PathBuf, Arc<RwLock<Arc<File>>>)>);

impl LogFile {
    /// Reopens the file by its name, since log rotation renames the old one. Returns whether there is a file.
    ///
    /// # Errors
    /// The file cannot be opened; logging continues in the old one.
    pub fn reopen(&self) -> io::Result<bool> {
        let Some((path, current)) = &self.0 else { return Ok(false) };
        *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(open_log(path)?);
        Ok(true)
    }
}

/// Opens a log for appending. Logs hold locations, so one that is created is readable by its owner, and by the group if
/// the folder is.
///
/// # Errors
/// It cannot be opened.
pub fn open_log(path: &Path) -> io::Result<File> {
    const OWNER: u32 = 0o600;
    const GROUP_READS: u32 = 0o040;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder_mode = fs::metadata(folder).map_or(0, |folder| folder.permissions().mode());
    let mode = OWNER | folder_mode & GROUP_READS;
    OpenOptions::new().create(true).append(true).mode(mode).open(path)
}

/// Sets up the log of this process, appending to `file` or, without one, writing to standard error.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn start(file: Option<&Path>, level: Level, format: Format) -> io::Result<LogFile> {
    let (writer, log_file) = match file {
        Some(file) => {
            let current = Arc::new(RwLock::new(Arc::new(open_log(file)?)));
            let log_file = LogFile(Some((file.to_owned(), Arc::clone(&current))));
            let open = move || Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
            (BoxMakeWriter::new(open), log_file)
        }
        None => (BoxMakeWriter::new(io::stderr), LogFile(None)),
    };
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let coloured = file.is_none() && io::stderr().is_terminal();
    let events = tracing_subscriber::fmt::layer()
        .with_writer(Lines { writer, coloured })
        .with_target(false)
        .with_ansi(coloured)
        // Complaining about a full disk on a closed standard error would panic.
        .log_internal_errors(false);
    // This crate's events only: a library's could hold a URL, and with it a key.
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    match format {
        Format::Text => tracing_subscriber::registry().with(events.with_filter(ours)).init(),
        Format::Json => tracing_subscriber::registry().with(events.json().with_filter(ours)).init(),
    }
    Ok(log_file)
}

/// Makes of each event one line in which everything can be seen, whatever its fields hold.
struct Lines {
    writer: BoxMakeWriter,
    coloured: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineWriter<<BoxMakeWriter as MakeWriter<'a>>::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter { writer: self.writer.make_writer(), coloured: self.coloured }
    }
}

/// Takes an event at a time, with its line end, as the library writes it.
struct LineWriter<W> {
    writer: W,
    coloured: bool,
}

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        let shown = if self.coloured { Cow::Owned(coloured(line)) } else { printable::line(line) };
        match shown {
            // As nearly always: what was written will do.
            Cow::Borrowed(_) if line.len() < event.len() => self.writer.write_all(event)?,
            shown => self.writer.write_all((shown.into_owned() + "\n").as_bytes())?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The colours in which the library writes for a terminal.
const COLOURS: [&[u8]; 9] = [
    b"\x1b[0m",
    b"\x1b[1m",
    b"\x1b[2m",
    b"\x1b[3m",
    b"\x1b[31m",
    b"\x1b[32m",
    b"\x1b[33m",
    b"\x1b[34m",
    b"\x1b[35m",
];

/// A line in which everything can be seen, colours being as they were.
fn coloured(line: &[u8]) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(colour) = COLOURS.iter().find(|colour| rest.starts_with(colour)) {
            shown += &String::from_utf8_lossy(colour);
            rest = &rest[colour.len()..];
            continue;
        }
        let end = 1 + rest[1..].iter().position(|&byte| byte == 0x1B).unwrap_or(rest.len() - 1);
        shown += &printable::line(&rest[..end]);
        rest = &rest[end..];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str, coloured: bool) -> String {
        let mut writer = LineWriter { writer: Vec::new(), coloured };
        writer.write_all(event.as_bytes()).unwrap();
        String::from_utf8(writer.writer).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let event = "\x1b[2mtime\x1b[0m \x1b[8mhidden\x1b]0;t\x07\r\nforged\u{202e}\n";
        assert_eq!(
            written(event, false),
            "\\u001b[2mtime\\u001b[0m \\u001b[8mhidden\\u001b]0;t\\u0007\\r\\nforged\\u202e\n"
        );
        assert_eq!(
            written(event, true),
            "\x1b[2mtime\x1b[0m \\u001b[8mhidden\\u001b]0;t\\u0007\\r\\nforged\\u202e\n"
        );
    }
}
