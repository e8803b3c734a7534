//! The suite's test of itself: a correct herd with one fault at a time. Each fault must fail the
//! rules that it breaks, and no others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fixtures::checkout::root;
use herd::nearest::choices;
use serde::Deserialize;
use toml::{Table, Value};

use super::out_folder::claim;
use super::report::Report;
use crate::cluster::parallel::{in_parallel, processors};

use super::run::{Options, judge_guest};

/// The folder of the herd with faults, in the checkout.
const FAULTY: &str = "fixtures/guests/faulty";

/// The seed of all runs.
const SEED: u64 = 1;

/// A fault that the herd can have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The fault's name, which the herd takes as `--fault NAME`. It is empty for a herd without
    /// one.
    pub name: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The rules that must fail.
    pub fails: Vec<String>,
    /// The rules that may fail too, or that cannot be told.
    #[serde(default)]
    pub may_fail: Vec<String>,
}

/// What a fault did.
#[derive(Debug)]
pub struct FaultResult {
    /// The fault.
    pub fault: Fault,
    /// What was not as it should be; empty if all was.
    pub problems: Vec<String>,
}

/// Reads the faults with these names from the table. Without names, it reads all, and the first one
/// is the herd without a fault.
///
/// # Errors
/// The table cannot be read, or has no fault of such a name.
pub fn read_faults(names: &[String]) -> Result<Vec<Fault>> {
    #[derive(Deserialize)]
    struct Faults {
        fault: Vec<Fault>,
    }
    let path = root().join(FAULTY).join("faults.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table: Faults =
        toml::from_str(&text).with_context(|| format!("{} is not a table of faults", path.display()))?;
    let none = Fault {
        name: String::new(),
        what: "The herd has no fault.".to_owned(),
        fails: Vec::new(),
        may_fail: Vec::new(),
    };
    if names.is_empty() {
        return Ok([none].into_iter().chain(table.fault).collect());
    }
    let find = |name: &String| {
        let fault = table.fault.iter().find(|fault| fault.name == *name);
        let names = || table.fault.iter().map(|fault| fault.name.as_str());
        let choices = || choices(name, "faults", names(), &path.display().to_string());
        fault.cloned().with_context(|| format!("no fault is called {name}{}", choices()))
    };
    names.iter().map(find).collect()
}

/// Judges the herd with each of `faults`, several at a time. `progress` is called with each result.
///
/// # Errors
/// A herd cannot be judged at all, or the folder holds other files than reports.
pub fn test_faults(
    faults: &[Fault],
    folder: &Path,
    progress: &(dyn Fn(&FaultResult) + Sync),
) -> Result<Vec<FaultResult>> {
    let folder = &claim(folder)?;
    // Most of a run is spent waiting for the guest.
    in_parallel(faults, 2 * processors(), |fault| {
        let result = test_fault(fault, folder)?;
        progress(&result);
        Ok(result)
    })
}

fn test_fault(fault: &Fault, folder: &Path) -> Result<FaultResult> {
    let name = if fault.name.is_empty() { "no-fault" } else { &fault.name };
    let out = folder.join(name);
    let options = Options {
        guest: write_guest(fault, &out)?,
        folder: Some(root().join(FAULTY)),
        out,
        rules: Vec::new(),
        patience: 1.0,
        seed: SEED,
        budget: None,
        container: false,
    };
    let outcome =
        judge_guest(&options, &mut |_| ()).with_context(|| format!("cannot judge the herd with {name}"))?;
    Ok(FaultResult { fault: fault.clone(), problems: problems(fault, &outcome.report) })
}

/// Writes the guest file of the herd with a fault to a folder.
fn write_guest(fault: &Fault, folder: &Path) -> Result<PathBuf> {
    let original = root().join(FAULTY).join("guest.toml");
    let text =
        fs::read_to_string(&original).with_context(|| format!("cannot read {}", original.display()))?;
    let mut guest: Table = text.parse()?;
    if let Some(Value::String(start)) = guest.get_mut("start").filter(|_| !fault.name.is_empty()) {
        start.push_str(&format!(" --fault {}", fault.name));
    }
    let path = claim(folder)?.join("guest.toml");
    fs::write(&path, guest.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Compares a report with what a fault must and may do.
fn problems(fault: &Fault, report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    for rule in &report.rules {
        let must_fail = fault.fails.contains(&rule.rule);
        let may_fail = fault.may_fail.contains(&rule.rule);
        let wrong = match rule.verdict.as_str() {
            "holds" => must_fail,
            "fails" => !must_fail && !may_fail,
            _ => must_fail || !may_fail,
        };
        if wrong {
            let expected = if must_fail { "fails" } else { "holds" };
            problems.push(format!(
                "{} should be `{expected}`, but is `{}`: {}",
                rule.rule, rule.verdict, rule.why
            ));
        }
    }
    problems
}
