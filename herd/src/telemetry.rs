//! The log: one line of visible text per event, to a file or to standard error.

mod backlog;
mod formatter;
mod level;
mod lines;
mod rotation;

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use self::backlog::dropped_lines;
use self::backlog::{Backlog, Destination};
use self::formatter::Formatter;
pub use self::level::{Level, set_level, toggle_debug};
use self::lines::add_entry;
pub(crate) use self::lines::{Kind, LogLines};
use self::rotation::Rotation;
pub use self::rotation::former_log;
use crate::node::Limits;
use crate::printable;

/// The format of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The parts of this process's log that every thread may need.
#[derive(Debug)]
struct Running {
    backlog: Arc<Backlog>,
    filter: reload::Handle<Targets, Registry>,
    /// The level that the log started with.
    configured: Level,
}

/// The log of this process, if [`start`] has started it.
static RUNNING: OnceLock<Running> = OnceLock::new();

/// The log of this process. Dropping it waits until everything has been written, for at most
/// [`log_flush`](Limits::log_flush).
#[derive(Debug)]
pub struct Log {
    backlog: Arc<Backlog>,
    patience: Duration,
    file: LogFile,
}

impl Log {
    /// Returns the file that the log is written to.
    pub fn file(&self) -> LogFile {
        self.file.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.backlog.flush(self.patience);
    }
}

/// The file that a log is written to, if any.
#[derive(Clone, Debug)]
pub struct LogFile {
    path: Option<PathBuf>,
    current: Destination,
}

impl LogFile {
    /// Reopens the file by its name, because log rotation renames the old one. Returns whether the
    /// log has a file. Blocks while the disk does.
    ///
    /// # Errors
    /// Fails if the file cannot be opened; logging then continues in the old file.
    pub fn reopen(&self) -> io::Result<bool> {
        let Some(path) = &self.path else { return Ok(false) };
        let mut file = open_log(path)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // A full file may have been renamed after it was opened here. No other is while this one is
        // locked.
        if !rotation::has_name(&file, path) {
            file = open_log(path)?;
        }
        *current = Arc::new(file);
        Ok(true)
    }
}

/// Opens a log for appending. Logs contain locations, so a new file is readable by its owner only,
/// and by its group if the folder is.
///
/// # Errors
/// Fails if the file cannot be opened.
pub fn open_log(path: &Path) -> io::Result<File> {
    const OWNER: u32 = 0o600;
    const GROUP_READS: u32 = 0o040;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder_mode = fs::metadata(folder).map_or(0, |folder| folder.permissions().mode());
    let mode = OWNER | folder_mode & GROUP_READS;
    OpenOptions::new().create(true).append(true).mode(mode).open(path)
}

/// Sets up the log of this process, which appends to `file` or, without one, writes to standard
/// error. Call it once.
///
/// # Errors
/// Fails if the file cannot be opened for appending, or if no thread can be started.
pub fn start(file: Option<&Path>, level: Level, format: Format, limits: &Limits) -> io::Result<Log> {
    let destination = match file {
        Some(file) => open_log(file)?,
        // The standard library's handle has a lock, which is held while a write blocks.
        None => File::from(io::stderr().as_fd().try_clone_to_owned()?),
    };
    let current: Destination = Arc::new(Mutex::new(Arc::new(destination)));
    let coloured = file.is_none() && io::stderr().is_terminal();
    let formatter = Formatter::new(format, coloured);
    let rotation = file.zip(limits.log_file_bytes).map(|(file, bytes)| Rotation::new(file, bytes));
    let backlog = Backlog::start(Arc::clone(&current), formatter, limits.log_backlog_bytes, rotation)?;
    let (filter, handle) = reload::Layer::new(level.events());
    let lines = EventLines { backlog: Arc::clone(&backlog), coloured };
    tracing_subscriber::registry().with(events(format, coloured, lines).with_filter(filter)).init();
    let _ = RUNNING.set(Running { backlog: Arc::clone(&backlog), filter: handle, configured: level });
    let file = LogFile { path: file.map(Path::to_owned), current };
    Ok(Log { backlog, patience: limits.log_flush, file })
}

/// Returns the layer that formats events, all but those about lines of clients and neighbours.
fn events<W>(format: Format, coloured: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let events = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false)
        .with_ansi(coloured)
        // With a full disk and a closed standard error, the library's complaint would panic.
        .log_internal_errors(false);
    match format {
        Format::Text => events.boxed(),
        Format::Json => events.json().boxed(),
    }
}

/// Turns each event into one line of visible text, whatever its fields contain.
struct EventLines {
    backlog: Arc<Backlog>,
    coloured: bool,
}

impl<'a> MakeWriter<'a> for EventLines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(self)
    }
}

/// Receives one event with its line end in each call of `write`.
struct LineWriter<'a>(&'a EventLines);

impl Write for LineWriter<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut entry = Vec::new();
        add_entry(&mut entry, Kind::Event, &shown(event, self.0.coloured));
        self.0.backlog.push(&entry, 1);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns an event as one line with its line end.
fn shown(event: &[u8], with_colours: bool) -> Cow<'_, [u8]> {
    let line = event.strip_suffix(b"\n").unwrap_or(event);
    let shown = if with_colours { Cow::Owned(coloured(line)) } else { printable::line(line) };
    match shown {
        // Nearly always the event needs no escape.
        Cow::Borrowed(_) if line.len() < event.len() => Cow::Borrowed(event),
        shown => Cow::Owned((shown.into_owned() + "\n").into_bytes()),
    }
}

/// The colours that the library uses on a terminal.
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

/// Returns a line as visible text, and keeps its colours.
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
        String::from_utf8(shown(event.as_bytes(), coloured).into_owned()).unwrap()
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

    #[test]
    fn a_log_is_readable_by_its_owner_and_by_the_group_of_its_folder() {
        for (of_folder, of_file) in [(0o700, 0o600), (0o711, 0o600), (0o755, 0o640), (0o750, 0o640)] {
            let folder = std::env::temp_dir().join(format!("herd-log-{of_folder:o}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(of_folder)).unwrap();
            let mode = open_log(&folder.join("log")).unwrap().metadata().unwrap().permissions().mode();
            fs::remove_dir_all(folder).unwrap();
            assert_eq!(mode & 0o777, of_file, "{of_folder:o}");
        }
    }
}
