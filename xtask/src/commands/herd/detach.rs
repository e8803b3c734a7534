//! `herd-up --detach`: a supervisor that outlives the command.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use herd::telemetry::open_log;

use super::browser::open_in_browser;
use crate::cluster::workspace::run_dir;
use crate::commands::print::{output_width, print};

/// The start of the last line that a detached supervisor prints before it serves. The address of
/// the dashboard follows, if there is one.
pub(super) const READY_LINE: &str = "ready ";

/// Starts this command again as a supervisor that keeps none of the caller's files open, and prints
/// its output when it is ready.
pub(super) fn detach(program: &Path, open: bool) -> Result<()> {
    let folder = run_dir();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let log = folder.join("supervisor.log");
    let stderr = open_log(&log).with_context(|| format!("cannot write {}", log.display()))?;
    stderr.set_len(0).with_context(|| format!("cannot empty {}", log.display()))?;
    let mut command = Command::new(env::current_exe().context("cannot find this program")?);
    // The supervisor writes to a pipe, but this terminal shows its table.
    if let Some(width) = output_width() {
        command.env("COLUMNS", width.to_string());
    }
    let mut supervisor = command
        .args(env::args_os().skip(1).filter(|argument| argument != "--detach"))
        .arg("--supervise")
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .context("cannot start the supervisor")?;
    let stdout = supervisor.stdout.take().context("the supervisor's output is not piped")?;
    let mut output = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read the supervisor's output")?;
        if let Some(dashboard) = line.strip_prefix(READY_LINE) {
            print(&format!("{output}Stop it with `cargo xtask herd-down`.\n"))?;
            return if open { open_in_browser(dashboard) } else { Ok(()) };
        }
        output += &format!("{line}\n");
    }
    let status = supervisor.wait().context("cannot wait for the supervisor")?;
    let mut reason = String::new();
    File::open(&log)?.read_to_string(&mut reason)?;
    if reason.trim().is_empty() {
        bail!("the supervisor exited before the herd was ready ({status})");
    }
    bail!("{}", reason.trim().trim_start_matches("error: "))
}
