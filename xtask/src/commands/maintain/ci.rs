//! `ci`: run what CI runs, or single steps of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::PossibleValue;

use super::osm::RealExtract;
use super::page::{Chromium, TypeChecker};
use super::words::Checkers;
use crate::alerts;
use crate::alerts::prometheus::Tools;
use crate::cluster::backbone::nats_server;
use crate::cluster::workspace::cargo;
use crate::commands::arguments::{NameParser, one_of};
use crate::commands::print::{print, print_progress};
use crate::commands::test::e2e::play_on_backbone;

/// Which steps to run.
#[derive(Clone, Debug, Args)]
pub struct CiArgs {
    /// The steps to run, in the order of CI [default: all]
    #[arg(value_name = "STEP", value_parser = step_names())]
    steps: Vec<String>,
}

/// A step of CI.
#[derive(Debug)]
struct Step {
    name: &'static str,
    /// What the step does, for the help.
    about: &'static str,
    task: StepTask,
}

#[derive(Debug)]
enum StepTask {
    /// Run cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// Run cargo with an environment variable and these arguments.
    CargoWith(Variable, &'static [&'static str]),
    /// Check something with tools that a machine may not have and that cannot always be installed.
    Tools {
        /// The command that does the same, as arguments of `cargo xtask`.
        command: &'static str,
        /// Finds or installs the tools, and checks. An error means that the check failed.
        check: fn() -> Result<ToolCheck>,
    },
}

/// The name and the value of an environment variable.
type Variable = (&'static str, &'static str);

/// What came of a check that needs tools.
#[derive(Debug)]
enum ToolCheck {
    Passed,
    /// The tools are not available. The text says why.
    NoTools(String),
}

/// The features of the tests that `cargo test` leaves out. Those of the page and of traces share
/// one build.
pub(super) const TEST_FEATURES: &str = "xtask/browser,xtask/otel";

/// The steps in their order. All use debug builds: every other configuration takes minutes more.
const STEPS: [Step; 16] = [
    Step {
        name: "fmt",
        about: "Check the format of the code",
        task: StepTask::Cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "clippy",
        about: "Check the code for warnings",
        task: StepTask::Cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--features",
            TEST_FEATURES,
            "--",
            "--deny",
            "warnings",
        ]),
    },
    Step {
        name: "rustdoc",
        about: "Build the documentation of the code, and check it for warnings",
        task: StepTask::CargoWith(
            ("RUSTDOCFLAGS", "-Dwarnings"),
            &["doc", "--locked", "--workspace", "--no-deps"],
        ),
    },
    Step {
        name: "test",
        about: "Run all tests",
        // Tests that run herds wait more than they compute.
        task: StepTask::CargoWith(("RUST_TEST_THREADS", "4"), &["test", "--locked", "--workspace"]),
    },
    Step { name: "e2e", about: "Play the client sessions", task: StepTask::Cargo(&["xtask", "e2e"]) },
    Step {
        name: "backbone",
        about: "Play some sessions on herds joined by NATS, if pip can install that",
        task: StepTask::Tools { command: "e2e --backbone node", check: check_backbone },
    },
    Step {
        name: "words",
        about: "Check spelling and wording, if Python can install the checkers",
        task: StepTask::Tools { command: "words", check: check_words },
    },
    Step {
        name: "osm",
        about: "Compare places with those of pyosmium, if pip can install it",
        task: StepTask::Tools { command: "places-data --osm", check: check_osm },
    },
    Step {
        name: "docs",
        about: "Check the book, its links and its commands (installs mdBook first)",
        task: StepTask::Cargo(&["xtask", "docs", "--check"]),
    },
    Step { name: "bugs", about: "Find every planted bug", task: StepTask::Cargo(&["xtask", "bugs"]) },
    Step {
        name: "turmoil",
        about: "Run 10 seeds on a simulated network (builds a simulator first)",
        task: StepTask::Cargo(&["xtask", "chaos", "turmoil", "--seeds", "10"]),
    },
    Step {
        name: "benches",
        about: "Run each bench once, as a test",
        // Without `--bench`, each bench runs once.
        task: StepTask::Cargo(&["test", "--locked", "--workspace", "--benches"]),
    },
    Step {
        name: "alerts",
        about: "Test the Prometheus alerts, if promtool is available",
        task: StepTask::Tools { command: "alerts --check", check: check_alerts },
    },
    Step {
        name: "types",
        about: "Check the scripts of the dashboard's page, if npm is available",
        task: StepTask::Tools { command: "page types", check: check_types },
    },
    Step {
        name: "traces",
        about: "Test the traces of reports (builds nodes with the feature `otel` first)",
        task: StepTask::Cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--features",
            TEST_FEATURES,
            "--test",
            "traces",
        ]),
    },
    Step {
        name: "browser",
        about: "Use the dashboard's page in Chromium, if that is installed or can be",
        task: StepTask::Tools { command: "page browser", check: check_page },
    },
];

/// The result of a step that did not fail.
#[derive(Debug, PartialEq, Eq)]
enum StepResult {
    Passed(Duration),
    /// Something that the step needs is not available. The text says what.
    NotRun(String),
}

/// Runs the chosen steps, stops at the first failure, and prints at the end how long each took.
///
/// # Errors
/// A step failed. The message names it.
pub fn run_ci(args: &CiArgs) -> Result<()> {
    let mut results = Vec::new();
    for step in chosen_steps(&args.steps) {
        results.push((step.name, run_step(step)?));
    }
    print(&summary(&results))
}

/// Returns a parser for the names of steps. Its help lists them.
fn step_names() -> NameParser {
    one_of(STEPS.iter().map(|step| PossibleValue::new(step.name).help(step.about)))
}

/// Returns the named steps, or all if none is named. The order is that of CI, and each step occurs
/// once.
fn chosen_steps(names: &[String]) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| names.is_empty() || names.iter().any(|name| name == step.name))
}

/// Runs a step between two lines that name it.
fn run_step(step: &Step) -> Result<StepResult> {
    print(&format!("\n== {}: {}\n", step.name, step.command()))?;
    let started = Instant::now();
    let result = match step.task {
        StepTask::Cargo(args) => {
            run_cargo(step, &[], args)?;
            StepResult::Passed(started.elapsed())
        }
        StepTask::CargoWith(variable, args) => {
            run_cargo(step, &[variable], args)?;
            StepResult::Passed(started.elapsed())
        }
        StepTask::Tools { check, .. } => match check().with_context(|| step.failed())? {
            ToolCheck::Passed => StepResult::Passed(started.elapsed()),
            ToolCheck::NoTools(reason) => StepResult::NotRun(reason),
        },
    };
    print(&result_line(step.name, &result))?;
    Ok(result)
}

impl Step {
    /// Returns the command that does the same as the step.
    fn command(&self) -> String {
        match self.task {
            StepTask::Cargo(args) => format!("cargo {}", args.join(" ")),
            StepTask::CargoWith((name, value), args) => format!("{name}={value} cargo {}", args.join(" ")),
            StepTask::Tools { command, .. } => format!("cargo xtask {command}"),
        }
    }

    /// Returns what to say when the step failed.
    fn failed(&self) -> String {
        format!("step {} failed; repeat it with `cargo xtask ci {0}`", self.name)
    }
}

fn run_cargo(step: &Step, variables: &[Variable], args: &[&str]) -> Result<()> {
    let status = cargo().args(args).env("CI", "true").envs(variables.iter().copied()).status();
    let status = status.with_context(|| format!("cannot run `{}`", step.command()))?;
    if !status.success() {
        bail!("{}", step.failed());
    }
    Ok(())
}

/// Checks the alerts if promtool is available.
fn check_alerts() -> Result<ToolCheck> {
    let tools = alerts::folder().and_then(|folder| Tools::get(&folder));
    check_with(tools, |tools| alerts::check_rules(&tools))
}

/// Plays some sessions on herds that the backbone joins, if its servers are available.
fn check_backbone() -> Result<ToolCheck> {
    check_with(nats_server(&print_progress), |_| play_on_backbone("node"))
}

/// Checks spelling and wording if the checkers are available.
fn check_words() -> Result<ToolCheck> {
    check_with(Checkers::get(), |checkers| checkers.check_words())
}

/// Compares the places of a real extract with those of another reader, if both are available.
fn check_osm() -> Result<ToolCheck> {
    check_with(RealExtract::get(), |extract| extract.compare_counts())
}

/// Checks the scripts of the dashboard's page if their checker is available.
fn check_types() -> Result<ToolCheck> {
    check_with(TypeChecker::get(), |checker| checker.check_types())
}

/// Uses the dashboard's page in a browser if there is one.
fn check_page() -> Result<ToolCheck> {
    check_with(Chromium::get(), |chromium| chromium.test_page())
}

fn check_with<T>(tools: Result<T>, check: impl FnOnce(T) -> Result<()>) -> Result<ToolCheck> {
    match tools {
        Ok(tools) => check(tools).map(|()| ToolCheck::Passed),
        Err(error) => Ok(ToolCheck::NoTools(format!("{error:#}"))),
    }
}

fn result_line(name: &str, result: &StepResult) -> String {
    match result {
        StepResult::Passed(took) => format!("== {name}: passed in {took:.0?}\n"),
        StepResult::NotRun(reason) => format!("== {name}: not run: {reason}\n"),
    }
}

/// Returns a line for each step, and the number of steps that passed and that were not run.
fn summary(results: &[(&str, StepResult)]) -> String {
    let lines: String = results.iter().map(|(name, result)| result_line(name, result)).collect();
    let not_run = results.iter().filter(|(_, result)| matches!(result, StepResult::NotRun(_))).count();
    let passed = results.len() - not_run;
    format!("\n{lines}== {passed} steps passed, {not_run} not run\n")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        ci: CiArgs,
    }

    /// The names of the steps that a command line chooses.
    fn chosen(args: &[&str]) -> Vec<&'static str> {
        let cli = Cli::try_parse_from([&["ci"], args].concat()).unwrap();
        chosen_steps(&cli.ci.steps).map(|step| step.name).collect()
    }

    #[test]
    fn named_steps_run_once_in_the_order_of_ci_and_all_steps_without_names() {
        assert_eq!(chosen(&["clippy"]), ["clippy"]);
        assert_eq!(chosen(&["e2e", "fmt", "e2e"]), ["fmt", "e2e"]);
        assert_eq!(chosen(&[]).len(), STEPS.len());
    }

    #[test]
    fn the_help_lists_all_steps_and_the_error_for_a_wrong_name_similar_ones() {
        let error = Cli::try_parse_from(["ci", "tests"]).err().unwrap().to_string();
        let help = Cli::try_parse_from(["ci", "--help"]).err().unwrap().to_string();
        for step in &STEPS {
            assert!(help.contains(step.about), "{help}");
        }
        assert!(error.contains("a similar value exists: 'test'\n") && !error.contains("clippy"), "{error}");
        assert!(error.contains("'--help' lists the 16 values"), "{error}");
    }

    #[test]
    fn the_summary_says_why_a_step_was_not_run() {
        let error = anyhow!("no network").context("Prometheus is not on PATH");
        let Ok(ToolCheck::NoTools(reason)) = check_with(Err::<(), _>(error), Ok) else {
            panic!("a check without tools should not run");
        };
        let not_run = StepResult::NotRun(reason);
        let results = [("test", StepResult::Passed(Duration::from_secs(2))), ("alerts", not_run)];
        assert_eq!(
            summary(&results),
            "\n== test: passed in 2s\n\
             == alerts: not run: Prometheus is not on PATH: no network\n\
             == 1 steps passed, 1 not run\n"
        );
    }
}
