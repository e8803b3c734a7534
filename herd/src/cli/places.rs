//! `herd places`: makes and inspects files of places from OpenStreetMap.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Subcommand;

use herd::places::osm::{self, Built, Progress, Summary, Table};

use super::print::{print, print_result};

/// How often the progress is shown, at most.
const SHOW: Duration = Duration::from_millis(500);

/// The first second that has no date with a year of four digits, after 1970.
const YEAR_10000: u64 = 253_402_300_800;

/// The subcommands of `herd places`.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Make a places file of an extract of OpenStreetMap
    ///
    /// Keeps what has a name and is an amenity, a shop, an office, a sight, a leisure facility, a
    /// stop or station, historic or natural. The former places file is replaced at the end only.
    Build {
        /// The extract, in the PBF format
        extract: PathBuf,
        /// Write the places to this file
        #[arg(short, long, value_name = "FILE", default_value = "places.bin")]
        output: PathBuf,
        /// Use at most this much memory for places, in MiB
        #[arg(long, value_name = "MIB", default_value_t = 1536, value_parser = clap::value_parser!(u32).range(1..))]
        memory: u32,
    },
    /// Print a summary of a places file as one line of JSON
    ///
    /// It has the date of the extract, and the number of places of each category.
    Stat {
        /// The places file
        file: PathBuf,
    },
}

impl Tool {
    /// Runs the subcommand and prints its result.
    ///
    /// # Errors
    /// The extract or the places file cannot be read, or is damaged; or the places cannot be
    /// written.
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Tool::Build { extract, output, memory } => build(extract, output, u64::from(*memory) << 20),
            Tool::Stat { file } => stat(file),
        }
    }
}

fn build(extract: &Path, output: &Path, memory: u64) -> Result<()> {
    let cannot = || format!("cannot read the extract {}", extract.display());
    let source = File::open(extract).with_context(cannot)?;
    let length = source.metadata().with_context(cannot)?.len();
    let mut shown = Instant::now();
    let mut show = |progress: Progress| {
        if shown.elapsed() >= SHOW {
            shown = Instant::now();
            show_progress(progress);
        }
    };
    let built = osm::build(BufReader::new(source), length, memory, &mut show);
    let Built { file, places, without_position } = built.with_context(cannot)?;
    write(output, &file).with_context(|| format!("cannot write {}", output.display()))?;
    let mut text = format!("{}: {places} places, {} bytes\n", output.display(), file.len());
    if without_position > 0 {
        text += &format!(
            "{without_position} ways and relations were left out: the extract has none of their nodes\n"
        );
    }
    print_result(&text)
}

/// Shows the progress on standard error: on one line of a terminal, or else line by line.
fn show_progress(Progress { pass, read, length, places }: Progress) {
    let stderr = std::io::stderr();
    let end = if stderr.is_terminal() { '\r' } else { '\n' };
    let percent = 100 * read / length.max(1);
    print(stderr, format!("pass {pass} of 3: {percent:3} % read, {places} places{end}"));
}

/// Writes a file in the place of the former one, which others may be reading.
fn write(output: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut part = output.as_os_str().to_owned();
    part.push(".part");
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, output)
    });
    if written.is_err() {
        // A part of a file is of no use. It may not even exist.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn stat(file: &Path) -> Result<()> {
    let table =
        Table::read(file).with_context(|| format!("cannot use the places file {}", file.display()))?;
    let Summary { format, date, bytes, places, categories } = table.summary();
    let categories: BTreeMap<&str, usize> =
        categories.into_iter().map(|(category, places)| (category.name(), places)).collect();
    let date = date.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds < YEAR_10000);
    let date = date.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    let stat = serde_json::json!({
        "format": format,
        "extract_date": date.map(|date| humantime::format_rfc3339_seconds(date).to_string()),
        "bytes": bytes,
        "places": places,
        "categories": categories,
    });
    print_result(&format!("{stat}\n"))
}
