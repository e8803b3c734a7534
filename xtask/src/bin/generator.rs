//! The part of the harness that must be fast: it sends loads and watches floods. `cargo xtask`
//! builds it with optimizations and runs it with a task as JSON. It prints the result as JSON.

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use anyhow::{Context, Result};
use xtask::load::generator::Task;

fn main() -> ExitCode {
    match run_task() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, the exit code still says that the task failed.
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_task() -> Result<()> {
    let task = std::env::args().nth(1).context("expected a task as JSON: run `cargo xtask load` instead")?;
    let task: Task = serde_json::from_str(&task).context("expected a task as JSON")?;
    let result = task.perform(show_progress)?;
    writeln!(std::io::stdout(), "{result}").context("cannot write the result")
}

/// Writes a line to standard error. On a terminal it replaces the line before.
fn show_progress(line: &str) {
    let mut errors = stderr();
    let _ = if errors.is_terminal() { write!(errors, "\r{line}\x1b[K") } else { writeln!(errors, "{line}") };
}
