//! Runs one seed, and has the oracle check its history.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

use anyhow::Result;

use super::SeedReport;
use super::world::run_plan;
use crate::oracle::check_history;
use crate::oracle::timeline;
use crate::sim::{FixedParts, Plan};

/// The settings of a run.
#[derive(Debug)]
pub struct OneSeed {
    /// The seed. Everything that `fixed` leaves open is drawn from it.
    pub seed: u64,
    /// The number of nodes.
    pub nodes: usize,
    /// The parts of the plan that are not drawn.
    pub fixed: FixedParts,
    /// The command that runs this seed again.
    pub command: String,
    /// The folder for the nodes' data during the run, and for the history of a run that fails.
    pub folder: PathBuf,
}

impl OneSeed {
    /// Runs the seed in this process, which must not have run another one. Writes the history and a
    /// timeline to files if an invariant is violated or the nodes do not agree in the end.
    ///
    /// # Errors
    /// A node cannot be started, or a file cannot be written.
    pub fn run_seed(&self) -> Result<SeedReport> {
        let plan = Plan::draw(self.seed, self.nodes, self.fixed);
        let data = self.folder.join(format!("data-{}", std::process::id()));
        let result = run_plan(&plan, &self.command, &data);
        let _ = fs::remove_dir_all(&data);
        let ran = result?;
        let verdict = check_history(&ran.history);
        let [history, picture] =
            ["jsonl", "html"].map(|kind| self.folder.join(format!("seed-{}.{kind}", self.seed)));
        if !verdict.violations.is_empty() || ran.settled.is_none() {
            ran.history.write(&history)?;
            timeline::write(&ran.history, &verdict, &picture)?;
        }
        let mut hasher = DefaultHasher::new();
        for event in &ran.history.events {
            hasher.write(serde_json::to_string(event)?.as_bytes());
        }
        Ok(SeedReport {
            seed: self.seed,
            acknowledged: verdict.acknowledged,
            excused: verdict.excused,
            settled: ran.settled,
            violations: verdict.violations.iter().map(ToString::to_string).collect(),
            history,
            trace: hasher.finish(),
        })
    }
}
