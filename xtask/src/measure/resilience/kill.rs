//! A hundred times one to four of five nodes are killed.

use anyhow::Result;

use super::{Bench, Bound, Finding, promises, slowest};
use crate::chaos::{Chaos, FaultName, Length};

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let chaos = Chaos { faults: vec![FaultName::Kill], ..bench.chaos("kill", Length::Rounds(100))? };
    let outcome = chaos.break_herd(bench.progress)?;
    let mut findings = promises("100 times SIGKILL of one to four nodes", &outcome);
    findings.push(Finding::new(
        "until all nodes knew the same, at most",
        slowest(&outcome),
        "s",
        Bound::AtMost(10.0),
    ));
    Ok(findings)
}
