//! What faults cost: how long a herd takes to know the same again, what that sends, and whether anything is lost.
//!
//! Each check runs a herd of its own, of release-built nodes.
//!
//! Two faults are measured elsewhere. How long links take after a restart, beside silent connections on all link ports,
//! is a bar of `limits strangers`. A disk that hangs cannot be had for a real process without root: a file system that
//! can be frozen takes root to mount, and a pipe in the place of the journal fails its first fsync instead of waiting.
//! The tests of the server's keeper run real nodes, with sockets and an admin port, on a disk whose every operation can
//! be held up.

mod join;
mod kill;
mod partition;
mod pause;
mod proxied;
mod rolling;
mod soak;
mod torn;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::chaos::{Chaos, ChaosOutcome, Length, Progress};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::load::generator::Generator;
use crate::measure::checks::{Bound, Check, Finding, Findings, choose, run_checks};
use crate::oracle::Persistence;

const CHECKS: [Check<Bench>; 7] = [
    ("kill", kill::check),
    ("pause", pause::check),
    ("partition", partition::check),
    ("join", join::check),
    ("rolling", rolling::check),
    ("torn", torn::check),
    ("soak", soak::check),
];

/// What all checks need.
struct Bench {
    herd: PathBuf,
    generator: Generator,
    folder: PathBuf,
    soak: Duration,
    progress: Progress,
}

/// Draws the same faults each time: what is measured is the herd, not the luck.
const SEED: u64 = 1;

/// Runs the checks named; all of them, if `names` is empty. The check `soak` goes on for as long as
/// `soak`. `progress` gets the name of each check before it begins, and the faults that it makes.
///
/// # Errors
/// There is no such check, or a check cannot be done.
pub fn check_resilience(names: &[String], soak: Duration, progress: Progress) -> Result<Findings> {
    let checks = choose(&CHECKS, names)?;
    let bench = Bench {
        herd: herd_binary(Profile::Release)?,
        generator: Generator::build(Profile::Release)?,
        folder: target_dir()?.join("resilience"),
        soak,
        progress,
    };
    // A reader that has gone away does not end the run.
    run_checks(&checks, &bench, |name| drop((progress.text)(&format!("{name}\n"))))
}

impl Bench {
    /// Chaos on the default herd, with a disk each and 1,000 reports a second; no faults yet.
    ///
    /// # Errors
    /// The herd file is not there.
    fn chaos(&self, check: &str, length: Length) -> Result<Chaos> {
        Ok(Chaos {
            seed: SEED,
            length,
            rate: 1_000,
            file: HerdFile::find("2015-winter")?,
            program: self.herd.clone(),
            durability: Persistence::Everysec,
            faults: Vec::new(),
            insecure_links: false,
            folder: self.folder.join(check),
            command: format!("cargo xtask resilience {check}"),
        })
    }
}

/// What holds for all chaos: nothing is lost, and no other promise is broken.
fn promises(check: &str, outcome: &ChaosOutcome) -> Vec<Finding> {
    let lost = outcome.verdict.violations.iter().filter(|violation| violation.invariant == "I1").count();
    let others = outcome.verdict.violations.len() - lost;
    let acknowledged = outcome.verdict.acknowledged;
    vec![
        Finding::new(
            format!("{check}: lost, of {acknowledged} updates acknowledged"),
            lost as f64,
            "",
            Bound::AtMost(0.0),
        ),
        Finding::new(format!("{check}: other promises broken"), others as f64, "", Bound::AtMost(0.0)),
    ]
}

/// How long it took after the slowest fault until all nodes knew the same; for ever, if one of them was too slow.
fn slowest(outcome: &ChaosOutcome) -> f64 {
    let seconds = |took: &Option<Duration>| took.map_or(f64::INFINITY, |took| took.as_secs_f64());
    outcome.converged.iter().map(seconds).fold(0.0, f64::max)
}
