//! `ci`: everything that must hold, as CI checks it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::alerts;
use crate::alerts::prometheus::Tools;
use crate::cluster::workspace::cargo;
use crate::commands::print::print;

/// The steps, as arguments of cargo. All in debug builds: each further configuration takes minutes.
const STEPS: [&[&str]; 8] = [
    &["fmt", "--all", "--check"],
    &["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"],
    &["test", "--locked", "--workspace"],
    &["xtask", "e2e"],
    &["xtask", "docs", "--check"],
    &["xtask", "bugs"],
    // With another build, of what a simulated network takes: a minute.
    &["xtask", "chaos", "turmoil", "--seeds", "10"],
    // Without `--bench` each bench runs once, as a test.
    &["test", "--locked", "--workspace", "--benches"],
];

/// The step that takes promtool, which a machine need not have.
const ALERTS: &str = "cargo xtask alerts --check";

/// What came of a step that did not fail.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    /// Something that it takes could not be had.
    NotRun(String),
}

/// Runs all steps, stops at the first that fails, and sums up at the end.
///
/// # Errors
/// Names the step that failed.
pub fn run_ci() -> Result<()> {
    let mut summary = Vec::new();
    for step in STEPS {
        let name = format!("cargo {}", step.join(" "));
        let outcome = time(&name, || run_cargo(&name, step))?;
        summary.push((name, outcome));
    }
    let outcome = time(ALERTS, || check_alerts(alerts::folder().and_then(|folder| Tools::get(&folder))))?;
    summary.push((ALERTS.to_owned(), outcome));
    print(&summed_up(&summary))
}

/// Runs a step between two lines that name it. A step says why it was not run, if it was not.
fn time(name: &str, step: impl FnOnce() -> Result<Option<String>>) -> Result<Outcome> {
    print(&format!("\n== {name}\n"))?;
    let started = Instant::now();
    let outcome = match step()? {
        None => Outcome::Passed(started.elapsed()),
        Some(reason) => Outcome::NotRun(reason),
    };
    print(&line(name, &outcome))?;
    Ok(outcome)
}

fn run_cargo(name: &str, step: &[&str]) -> Result<Option<String>> {
    let status =
        cargo().args(step).env("CI", "true").status().with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed");
    }
    Ok(None)
}

/// Checks the alerts if the tools can be had; else tells why not.
fn check_alerts(tools: Result<Tools>) -> Result<Option<String>> {
    match tools {
        Ok(tools) => alerts::check_rules(&tools).with_context(|| format!("{ALERTS} failed")).map(|()| None),
        Err(error) => Ok(Some(format!("{error:#}"))),
    }
}

fn line(name: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed(took) => format!("== {name}: passed in {took:.0?}\n"),
        Outcome::NotRun(reason) => format!("== {name}: not run: {reason}\n"),
    }
}

/// Every step with what came of it, and how many were not run.
fn summed_up(summary: &[(String, Outcome)]) -> String {
    let lines: String = summary.iter().map(|(name, outcome)| line(name, outcome)).collect();
    let not_run = summary.iter().filter(|(_, outcome)| matches!(outcome, Outcome::NotRun(_))).count();
    let passed = summary.len() - not_run;
    format!("\n{lines}== {passed} steps passed, {not_run} not run\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_step_that_cannot_be_run_is_said_not_to_have_been() {
        let reason = check_alerts(Err(anyhow!("no network").context("Prometheus is not on PATH"))).unwrap();
        let outcome = Outcome::NotRun(reason.unwrap());
        let passed = Outcome::Passed(Duration::from_secs(2));
        let summary = [("cargo test".to_owned(), passed), (ALERTS.to_owned(), outcome)];
        assert_eq!(
            summed_up(&summary),
            "\n== cargo test: passed in 2s\n\
             == cargo xtask alerts --check: not run: Prometheus is not on PATH: no network\n\
             == 1 steps passed, 1 not run\n"
        );
    }
}
