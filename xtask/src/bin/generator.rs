//! The part of the harness that has to be quick: sends loads and watches floods. Run by `cargo xtask`, which builds
//! it for speed; takes a task as JSON, prints the outcome as JSON.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use xtask::load::generator::Task;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody need be reading: the exit code says it too.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let task = std::env::args().nth(1).context("expected a task as JSON: run `cargo xtask load` instead")?;
    let task: Task = serde_json::from_str(&task).context("expected a task as JSON")?;
    let outcome = task.run()?;
    writeln!(std::io::stdout(), "{outcome}").context("cannot write the outcome")
}
