//! What the program that runs one seed tells the command that runs many.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What came of a seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Updates acknowledged.
    pub acknowledged: usize,
    /// Those of them that are missing, and may be.
    pub excused: usize,
    /// How long after the last client all nodes knew the same; `None` if they never did.
    pub settled: Option<Duration>,
    /// What must not be.
    pub violations: Vec<String>,
    /// Where the history is, if it is not right; a timeline lies beside it.
    pub history: PathBuf,
    /// A hash of all that happened: equal for equal runs.
    pub trace: u64,
}
