//! `herd doctor`: looks at what usually goes wrong around a node.

mod certificates;
mod disk;
mod machine;
mod ports;

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use herd::config::{Herd, Member};

use super::given::Given;
use super::herd_file::{no_such_node, read_herd};
use super::print::print_result;

/// The node to look at, as it is to be started.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The node that runs, or is to run, on this machine
    #[arg(value_name = "NODE")]
    node: String,
    /// Read the herd from this file [default: the built-in herd]
    #[arg(long, visible_alias = "herd", env = "HERD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder of the node [default: none]
    #[arg(long, env = "HERD_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    state: State,
    /// What was looked at, and what was found.
    text: String,
    /// What to do; empty if there is nothing.
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is wrong.
    Ok,
    /// Something may be wrong, or cannot be seen.
    Warning,
    /// The node does not start, or does not work.
    Problem,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Finding {
        Finding { state: State::Ok, text: text.into(), advice: String::new() }
    }

    fn warning(text: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { state: State::Warning, text: text.into(), advice: advice.into() }
    }

    fn problem(text: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { state: State::Problem, text: text.into(), advice: advice.into() }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Problem => "PROBLEM",
        })
    }
}

/// Looks at everything, and prints what it finds.
///
/// # Errors
/// The herd file cannot be read or has no such node, or there is a problem.
pub(super) async fn run(given: &Given, args: &DoctorArgs) -> Result<()> {
    let herd = given.blame(&["config"], read_herd(args.config.as_deref()))?;
    let member = herd.member(&args.node).ok_or_else(|| no_such_node(&herd, &args.node))?;
    let mut findings = look(&herd, member, args.data_dir.as_deref()).await;
    if let Some(file) = &args.config {
        findings.splice(0..0, files_of(file, &args.node));
    }
    print_result(&report(&findings))?;
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    match problems {
        0 => Ok(()),
        1 => bail!("there is a problem"),
        more => bail!("there are {more} problems"),
    }
}

async fn look(herd: &Herd, member: &Member, data: Option<&Path>) -> Vec<Finding> {
    let mut findings = certificates::look(herd, member);
    findings.extend(ports::look(herd, member).await);
    findings.push(machine::clock());
    findings.push(machine::open_files(&herd.limits));
    findings.push(machine::memory(&herd.limits));
    findings.push(machine::huge_pages());
    match data {
        Some(folder) => findings.extend(disk::look(folder, &member.name)),
        None => findings.push(Finding::warning(
            "data folder: none, so the node keeps its records in memory only",
            "give the node one with --data-dir, and name it here, too",
        )),
    }
    findings
}

/// The herd file, and the certificates and keys that it names for the node.
fn files_of(file: &Path, node: &str) -> Vec<Finding> {
    let herd = match Herd::check(file, Some(node)) {
        Ok(herd) => herd,
        Err(error) => {
            let problems = error.to_string();
            return problems.lines().map(|problem| Finding::problem(problem, "")).collect();
        }
    };
    let valid = format!("herd file {}: {} nodes, valid", file.display(), herd.members.len());
    let warnings = herd.warnings().into_iter();
    let warnings = warnings.map(|warning| Finding::warning(warning, "name more neighbours in the herd file"));
    [Finding::ok(valid)].into_iter().chain(warnings).collect()
}

/// One line for each finding, and one for what to do.
fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { state, text: found, advice } in findings {
        let _ = writeln!(text, "{state:7}  {found}");
        if !advice.is_empty() {
            let _ = writeln!(text, "         {advice}");
        }
    }
    text
}
