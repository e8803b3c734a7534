//! The report on one seed, which its program prints as JSON for the command that runs many seeds.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The report on one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedReport {
    /// The seed.
    pub seed: u64,
    /// The number of acknowledged updates.
    pub acknowledged: usize,
    /// The number of acknowledged updates that are missing and were allowed to get lost.
    pub excused: usize,
    /// The time from the last operation until all nodes agreed; `None` if they never did.
    pub settled: Option<Duration>,
    /// The violations of invariants, in words.
    pub violations: Vec<String>,
    /// The file of the history, if the run failed. The timeline is beside it.
    pub history: PathBuf,
    /// A hash of the history. Equal runs have equal traces.
    pub trace: u64,
}
