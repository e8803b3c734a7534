//! Measure: throughput, latency, and what is left under attack and after faults.

pub mod compare;
pub mod limits;
pub mod load;
pub mod resilience;
pub mod scale;

use anyhow::{Result, ensure};

use super::print::print;
use crate::measure::checks::Findings;

/// Prints what checks found, and fails if a bound is not kept.
fn print_findings(findings: &Findings) -> Result<()> {
    print(&findings.text)?;
    ensure!(findings.all_kept, "not every bound is kept");
    Ok(())
}
