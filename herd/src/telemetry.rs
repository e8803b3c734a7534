//! The log: one line an event, to a file or to standard error.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::path::Path;

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

/// Sets up the log of this process, appending to `file` or, without one, writing to standard error.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn start(file: Option<&Path>, level: Level, format: Format) -> io::Result<()> {
    let writer = match file {
        Some(file) => BoxMakeWriter::new(OpenOptions::new().create(true).append(true).open(file)?),
        None => BoxMakeWriter::new(io::stderr),
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
    Ok(())
}
