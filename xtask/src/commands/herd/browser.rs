//! Opens a page in the user's browser.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use maud::{DOCTYPE, html};

use crate::cluster::workspace::run_dir;

/// How long the program that opens a browser may take to fail. Some stay until the browser exits.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens an address in the user's browser. If that fails, one line on standard error says so: the
/// user can open the address, which has been printed.
///
/// # Errors
/// Standard error cannot be written.
pub(super) fn open_in_browser(url: &str) -> Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened =
        write_leader(url).map_err(|error| format!("{error:#}")).and_then(|file| open_with(program, &file));
    if let Err(reason) = opened {
        writeln!(
            std::io::stderr(),
            "cannot open a browser: {reason}; open the dashboard's address yourself"
        )?;
    }
    Ok(())
}

/// Writes a page that leads to `url`, and returns its path. The address has a token, and every user
/// of the machine can read the arguments of a program, but not this file.
fn write_leader(url: &str) -> Result<PathBuf> {
    let file = run_dir().join("dashboard.html");
    let page = html! {
        (DOCTYPE)
        meta http-equiv="refresh" content=(format!("0; url={url}"));
        title { "The dashboard of the herd" }
        a href=(url) { "The dashboard of the herd" }
    };
    // A file of an earlier herd may have other permissions.
    let _ = fs::remove_file(&file);
    let mut options = File::options();
    let mut created = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    created.write_all(page.into_string().as_bytes())?;
    Ok(file)
}

fn open_with(program: &str, file: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C then ends the herd, and not the browser.
    command.process_group(0);
    let mut opener = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let deadline = Instant::now() + OPEN_TIMEOUT;
    while Instant::now() < deadline {
        match opener.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{program} failed ({status})")),
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(format!("{program}: {error}")),
        }
    }
    Ok(())
}
