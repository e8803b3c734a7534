//! A class: every guest below a folder, each judged by its own process, so that none can keep
//! the others from being judged.

use std::convert::Infallible;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::cluster::parallel::in_parallel;

use super::matrix::Row;
use super::report::Report;

/// How often the judge of a guest is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How much longer than its budget a judge may take.
const GRACE: Duration = Duration::from_secs(30);

/// Returns the guest files below a folder: `guest.toml`, and files that end with `.guest.toml`.
///
/// # Errors
/// The folder cannot be read, or has no guest file.
pub fn find_guests(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = fixtures::checkout::files(folder, &["toml"])
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let is_guest = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == "guest.toml" || name.ends_with(".guest.toml")
    };
    let mut guests: Vec<PathBuf> = files.into_iter().filter(is_guest).collect();
    guests.sort();
    ensure!(
        !guests.is_empty(),
        "there is no guest below {}: a guest is a file called guest.toml, or NAME.guest.toml",
        folder.display()
    );
    Ok(guests)
}

/// Judges guests, `at_once` of them at a time, and returns a row for each in the same order.
/// `judge` makes the command that judges a guest file and writes its report to a folder.
pub fn judge_all(
    guests: &[PathBuf],
    folder: &Path,
    at_once: usize,
    budget: Duration,
    judge: &(dyn Fn(&Path, &Path) -> Command + Sync),
    progress: &(dyn Fn(&Row) + Sync),
) -> Vec<Row> {
    let named: Vec<(String, &PathBuf)> =
        guests.iter().enumerate().map(|(number, guest)| (unique_name(guest, number), guest)).collect();
    let Ok(rows) = in_parallel(&named, at_once, |(name, guest)| {
        let report = folder.join(name);
        let row = judge_one(name, judge(guest, &report), &report, budget);
        progress(&row);
        Ok::<Row, Infallible>(row)
    });
    rows
}

/// The name of a guest's folder and row: that of its folder or file, and a number, since two may be
/// the same.
fn unique_name(guest: &Path, number: usize) -> String {
    let file = guest.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = match file.strip_suffix(".guest.toml") {
        Some(name) => name.to_owned(),
        None => guest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned(),
    };
    format!("{:03}-{name}", number + 1)
}

/// Runs the judge of a guest to its end, or kills it when its time is over.
fn judge_one(name: &str, command: Command, folder: &Path, budget: Duration) -> Row {
    let _ = fs::remove_file(folder.join("report.json"));
    let ended = run_within(command, budget + GRACE);
    let report = fs::read(folder.join("report.json")).ok();
    match report.and_then(|json| serde_json::from_slice::<Report>(&json).ok()) {
        Some(report) => Row { name: name.to_owned(), folder: folder.to_owned(), result: Ok(report) },
        None => {
            let reason = ended.unwrap_or_else(|error| format!("{error:#}"));
            Row { name: name.to_owned(), folder: folder.to_owned(), result: Err(reason) }
        }
    }
}

/// Runs a command, and returns what it wrote to standard error.
fn run_within(mut command: Command, within: Duration) -> Result<String> {
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut stderr = process.stderr.take().context("standard error is piped")?;
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.by_ref().take(64 * 1024).read_to_end(&mut text);
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        String::from_utf8_lossy(&text).trim().to_owned()
    });
    let deadline = Instant::now() + within;
    while process.try_wait()?.is_none() {
        if Instant::now() > deadline {
            process.kill()?;
            process.wait()?;
            return Ok(format!("the judge was ended after {} s", within.as_secs()));
        }
        thread::sleep(POLL);
    }
    Ok(reader.join().unwrap_or_default())
}
