//! `ci`: everything that must hold, as CI checks it.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::output::print;
use crate::workspace::cargo;

/// The steps, as arguments of cargo. All in debug builds: each further configuration takes minutes.
const STEPS: [&[&str]; 7] = [
    &["fmt", "--all", "--check"],
    &["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"],
    &["test", "--locked", "--workspace"],
    &["xtask", "e2e"],
    &["xtask", "bugs"],
    // With another build, of what a simulated network takes: a minute.
    &["xtask", "chaos", "--turmoil", "--seeds", "10"],
    // Without `--bench` each bench runs once, as a test.
    &["test", "--locked", "--workspace", "--benches"],
];

/// Runs all steps, and stops at the first that fails.
///
/// # Errors
/// Names the step that failed.
pub fn run() -> Result<()> {
    for step in STEPS {
        let name = format!("cargo {}", step.join(" "));
        print(&format!("\n== {name}\n"))?;
        let started = Instant::now();
        let status =
            cargo().args(step).env("CI", "true").status().with_context(|| format!("cannot run {name}"))?;
        if !status.success() {
            bail!("{name} failed");
        }
        print(&format!("== {name}: {:.0?}\n", started.elapsed()))?;
    }
    Ok(())
}
