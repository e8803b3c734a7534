//! Opens a page in the user's browser.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How long the program that opens a browser may take to fail. Some stay until the browser exits.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens an address in the user's browser. If that fails, one line on standard error says so: the
/// user can open the address, which has been printed.
///
/// # Errors
/// Standard error cannot be written.
pub(super) fn open_in_browser(url: &str) -> Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if let Err(reason) = open_with(program, url) {
        writeln!(
            std::io::stderr(),
            "cannot open a browser: {reason}; open the dashboard's address yourself"
        )?;
    }
    Ok(())
}

fn open_with(program: &str, url: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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
