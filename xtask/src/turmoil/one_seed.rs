//! One seed: run, judged, and reported.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

use anyhow::Result;

use super::Report;
use super::world::run;
use crate::oracle::check;
use crate::oracle::timeline;
use crate::sim::plan::{Given, Plan};

/// Which run.
#[derive(Debug)]
pub struct OneSeed {
    /// Draws everything that `given` does not give.
    pub seed: u64,
    /// The number of nodes.
    pub nodes: usize,
    /// What is not drawn.
    pub given: Given,
    /// The command that runs this seed again.
    pub again: String,
    /// Where nodes keep their data while it runs, and where the history of a run that is not right
    /// goes.
    pub folder: PathBuf,
}

impl OneSeed {
    /// Runs the seed in this process.
    ///
    /// # Errors
    /// A node cannot be started, or a file cannot be written.
    pub fn run(&self) -> Result<Report> {
        let plan = Plan::draw(self.seed, self.nodes, self.given);
        let data = self.folder.join(format!("data-{}", std::process::id()));
        let ran = run(&plan, &self.again, &data);
        let _ = fs::remove_dir_all(&data);
        let ran = ran?;
        let verdict = check(&ran.history);
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
        Ok(Report {
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
