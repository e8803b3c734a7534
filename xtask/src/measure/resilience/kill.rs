//! Kills one to four of five nodes, a hundred times.

use anyhow::Result;

use super::{Bound, Finding, ResilienceBench, invariant_findings, slowest};
use crate::chaos::{Chaos, FaultName, Length};

pub(super) fn check_kill(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let chaos = Chaos { faults: vec![FaultName::Kill], ..bench.chaos("kill", Length::Rounds(100))? };
    let outcome = chaos.break_herd(bench.progress)?;
    let mut findings = invariant_findings("100 times SIGKILL of one to four nodes", &outcome);
    findings.push(Finding::new(
        "longest time until all nodes agreed",
        slowest(&outcome),
        "s",
        Bound::AtMost(10.0),
    ));
    Ok(findings)
}
