//! `bugs`: plant bugs in simulated nodes, and check that the oracle finds each of them.

use anyhow::Result;

/// Plants each bug in turn, and prints which seed and which invariant found it.
///
/// # Errors
/// A bug was not found.
#[cfg(not(feature = "planted-bugs"))]
pub fn plant_bugs() -> Result<()> {
    use crate::cluster::workspace::cargo;
    use anyhow::{Context, ensure};
    // Only this command builds nodes with planted bugs.
    let args = ["run", "--locked", "--quiet", "--package", "xtask", "--bin", "xtask"];
    let with_bugs = ["--features", "planted-bugs", "--", "bugs"];
    let status = cargo().args(args).args(with_bugs).status().context("cannot run cargo")?;
    ensure!(status.success(), "some planted bugs were not found: see the table above");
    Ok(())
}

/// Plants each bug in turn, and prints which seed and which invariant found it.
///
/// # Errors
/// A bug was not found.
#[cfg(feature = "planted-bugs")]
pub fn plant_bugs() -> Result<()> {
    use crate::cluster::parallel::{in_parallel, processors};
    use crate::commands::print::{output_width, print};
    use crate::text::fitted_table;
    use anyhow::ensure;
    use clap::ValueEnum;
    use herd::bug::{Bug, plant};

    // A node that panics because of a bug has found it. The verdict has the panic's message.
    std::panic::set_hook(Box::new(|_| {}));
    // A bug is planted in the nodes of one thread only.
    let search = |bug: &Bug| -> Result<[String; 4]> {
        plant(Some(*bug));
        let found = find_planted_bug(herds_for(*bug));
        plant(None);
        Ok(row_of(*bug, found))
    };
    let found = in_parallel(Bug::value_variants(), processors(), search)?;
    let head = ["BUG", "FOUND BY", "AT SEED", "EVIDENCE"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(found).collect();
    print(&fitted_table(&rows, &[3], output_width()))?;
    let missed = rows.iter().filter(|row| row[1] == MISSED).count();
    ensure!(missed == 0, "{missed} bugs were not found within {SEEDS} seeds");
    Ok(())
}

/// What the table has for a bug that was not found.
#[cfg(feature = "planted-bugs")]
const MISSED: &str = "-";

/// Returns the row of a bug: its name, and what found it.
#[cfg(feature = "planted-bugs")]
fn row_of(bug: herd::bug::Bug, found: Option<[String; 3]>) -> [String; 4] {
    use clap::ValueEnum;
    let name = bug.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let [by, seed, evidence] = found.unwrap_or_else(|| [MISSED, MISSED, "not found"].map(str::to_owned));
    [name, by, seed, evidence]
}

/// The number of seeds to try for each bug.
#[cfg(feature = "planted-bugs")]
const SEEDS: u64 = 500;

/// The herds in which a bug is planted.
#[cfg(feature = "planted-bugs")]
fn herds_for(bug: herd::bug::Bug) -> crate::sim::FixedParts {
    use crate::sim::FixedParts;
    use herd::bug::Bug;
    let is_of_backbone =
        matches!(bug, Bug::HoleNotNoticed | Bug::StreamNotRecognized | Bug::HeaderAheadOfStored);
    let regions = Some(if is_of_backbone { 2 } else { 1 });
    FixedParts { regions, shards: bug == Bug::DroppedUnread, ..FixedParts::default() }
}

/// Tries seeds until one violates an invariant. Returns the violated invariants, the seed, and the
/// start of the evidence.
#[cfg(feature = "planted-bugs")]
fn find_planted_bug(fixed: crate::sim::FixedParts) -> Option<[String; 3]> {
    use crate::sim::{Plan, judge};
    (0..SEEDS).find_map(|seed| {
        let (_, verdict) = judge(&Plan::draw(seed, 5, fixed));
        let mut by: Vec<&str> = verdict.violations.iter().map(|violation| violation.invariant).collect();
        by.dedup();
        let evidence = &verdict.violations.first()?.evidence;
        Some([by.join(" "), seed.to_string(), evidence.chars().take(100).collect()])
    })
}
