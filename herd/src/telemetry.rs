//! The log: one line an event, to a file or to standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

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
    /// Opens the file anew by its name: whoever rotates logs has moved the old one away.
    ///
    /// # Errors
    /// It cannot be opened; the log goes on where it was.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some((path, current)) = &self.0 {
            *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(append_to(path)?);
        }
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Sets up the log of this process, appending to `file` or, without one, writing to standard error.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn start(file: Option<&Path>, level: Level, format: Format) -> io::Result<LogFile> {
    let (writer, log_file) = match file {
        Some(file) => {
            let current = Arc::new(RwLock::new(Arc::new(append_to(file)?)));
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
    };
    let events = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false)
        .with_ansi(file.is_none() && io::stderr().is_terminal())
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
