//! `bugs`: is each bug found that is planted in the nodes of simulated herds?

use anyhow::Result;

/// Plants each bug in turn, and prints which seed and which invariant found it.
///
/// # Errors
/// A bug was not found.
#[cfg(not(feature = "planted-bugs"))]
pub fn plant_bugs() -> Result<()> {
    use crate::cluster::workspace::cargo;
    use anyhow::{Context, ensure};
    // Nodes that can go wrong on purpose are built for this command only.
    let args = ["run", "--locked", "--quiet", "--package", "xtask", "--bin", "xtask"];
    let with_bugs = ["--features", "planted-bugs", "--", "bugs"];
    let status = cargo().args(args).args(with_bugs).status().context("cannot run cargo")?;
    ensure!(status.success(), "not every planted bug was found");
    Ok(())
}

/// Plants each bug in turn, and prints which seed and which invariant found it.
///
/// # Errors
/// A bug was not found.
#[cfg(feature = "planted-bugs")]
pub fn plant_bugs() -> Result<()> {
    use crate::commands::print::{print, width};
    use crate::text::fitted_table;
    use anyhow::ensure;
    use clap::ValueEnum;
    use herd::bug::{Bug, plant};

    // A node that panics over a bug has found it; what it says is in the verdict.
    std::panic::set_hook(Box::new(|_| {}));
    let mut rows = vec![["BUG", "FOUND BY", "AT SEED", "EVIDENCE"].map(str::to_owned)];
    let mut missed = 0;
    for bug in Bug::value_variants() {
        plant(Some(*bug));
        let found = find();
        plant(None);
        missed += usize::from(found.is_none());
        let [by, seed, evidence] = found.unwrap_or_else(|| ["-", "-", "not found"].map(str::to_owned));
        let name = bug.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        rows.push([name, by, seed, evidence]);
    }
    print(&fitted_table(&rows, &[3], width()))?;
    ensure!(missed == 0, "{missed} bugs were not found within {SEEDS} seeds");
    Ok(())
}

/// So many seeds are tried for each bug.
#[cfg(feature = "planted-bugs")]
const SEEDS: u64 = 200;

/// The invariants that the first seed that goes wrong violates, the seed, and one piece of evidence.
#[cfg(feature = "planted-bugs")]
fn find() -> Option<[String; 3]> {
    use crate::sim::{Plan, judge};
    (0..SEEDS).find_map(|seed| {
        let (_, verdict) = judge(&Plan::of_seed(seed, 5, None));
        let mut by: Vec<&str> = verdict.violations.iter().map(|violation| violation.invariant).collect();
        by.dedup();
        let evidence = &verdict.violations.first()?.evidence;
        Some([by.join(" "), seed.to_string(), evidence.chars().take(100).collect()])
    })
}
