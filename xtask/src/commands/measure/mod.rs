//! The group "Measure": throughput, latency, and how much of them remains under attack and after
//! faults.

mod client_counts;
pub mod compare;
pub mod limits;
pub mod load;
pub mod resilience;
pub mod scale;
mod slow_nodes;

use anyhow::{Result, ensure};

use super::print::print;
use crate::measure::checks::Findings;

/// Prints the findings of checks, and fails if a figure is out of its bound.
fn print_findings(findings: &Findings) -> Result<()> {
    print(&findings.text)?;
    ensure!(findings.all_kept, "some figures are out of bounds: see the findings above");
    Ok(())
}
