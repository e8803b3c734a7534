//! Measures what faults cost: the time until all nodes agree again, the bytes that are sent for it,
//! and the updates that are lost.
//!
//! Each check runs its own herd of release-built nodes.
//!
//! Two faults are measured elsewhere:
//!
//! - `limits strangers` measures how long links take after a restart, with silent connections on
//!   all link ports.
//! - A real process cannot have a disk that hangs without root: mounting a file system that can be
//!   frozen needs root, and a pipe in place of the journal fails its first fsync instead of
//!   hanging. The tests of the server's keeper run real nodes, with sockets and an admin port, on a
//!   disk that can delay every operation.

mod filled;
mod hole;
mod join;
mod kill;
mod partition;
mod pause;
mod proxied;
mod region;
mod rolling;
mod shard;
mod soak;
mod torn;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::chaos::{Chaos, ChaosOutcome, Length, Progress};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::load::generator::Generator;
use crate::measure::checks::{Bound, Check, Finding, Findings, choose_checks, run_checks};
use crate::oracle::Persistence;

const CHECKS: [Check<ResilienceBench>; 10] = [
    ("kill", kill::check_kill),
    ("pause", pause::check_pause),
    ("partition", partition::check_partition),
    ("hole", hole::check_hole),
    ("join", join::check_join),
    ("region", region::check_region),
    ("shard", shard::check_shard),
    ("rolling", rolling::check_rolling),
    ("torn", torn::check_torn),
    ("soak", soak::check_soak),
];

/// The programs and settings that all checks share.
struct ResilienceBench {
    herd: PathBuf,
    generator: Generator,
    folder: PathBuf,
    soak: Duration,
    progress: Progress,
}

/// The seed of the faults. It is fixed, so that runs can be compared.
const SEED: u64 = 1;

/// Performs the checks with these names, or all if `names` is empty. The check `soak` lasts for the
/// time `soak`. `progress` gets the name of each check before it begins, and the faults of the
/// check.
///
/// # Errors
/// A name is not a check's, or a check cannot be performed.
pub fn check_resilience(names: &[String], soak: Duration, progress: Progress) -> Result<Findings> {
    let checks = choose_checks(&CHECKS, names)?;
    let bench = ResilienceBench {
        herd: herd_binary(Profile::Release)?,
        generator: Generator::build(Profile::Release)?,
        folder: target_dir()?.join("resilience"),
        soak,
        progress,
    };
    // The run continues if its progress cannot be written.
    run_checks(&checks, &bench, |name| drop((progress.text)(&format!("{name}\n"))))
}

/// Returns the names of the checks.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

impl ResilienceBench {
    /// Makes the settings of chaos on the default herd, with data folders and 1,000 reports a
    /// second, but without faults.
    ///
    /// # Errors
    /// The herd file cannot be read.
    fn chaos(&self, check: &str, length: Length) -> Result<Chaos> {
        Ok(Chaos {
            seed: SEED,
            length,
            rate: 1_000,
            file: HerdFile::find("2015-winter")?,
            regions: None,
            program: self.herd.clone(),
            former: None,
            durability: Persistence::Everysec,
            faults: Vec::new(),
            insecure_links: false,
            folder: self.folder.join(check),
            command: format!("cargo xtask resilience {check}"),
        })
    }
}

/// Returns the findings of every run of chaos: no update is lost, and no other invariant is
/// violated.
fn invariant_findings(check: &str, outcome: &ChaosOutcome) -> Vec<Finding> {
    let lost = outcome.verdict.violations.iter().filter(|violation| violation.invariant == "I1").count();
    let others = outcome.verdict.violations.len() - lost;
    let acknowledged = outcome.verdict.acknowledged;
    vec![
        Finding::new(
            format!("{check}: updates lost, of {acknowledged} acknowledged"),
            lost as f64,
            "",
            Bound::AtMost(0.0),
        ),
        Finding::new(format!("{check}: other invariants violated"), others as f64, "", Bound::AtMost(0.0)),
    ]
}

/// The longest time from the end of a fault until all nodes agreed, in seconds; infinite if they
/// did not agree in time after one of the faults.
fn slowest(outcome: &ChaosOutcome) -> f64 {
    let seconds = |took: &Option<Duration>| took.map_or(f64::INFINITY, |took| took.as_secs_f64());
    outcome.converged.iter().map(seconds).fold(0.0, f64::max)
}
