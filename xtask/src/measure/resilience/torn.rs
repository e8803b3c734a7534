//! Links of plain TCP are cut between any two bytes, two hundred times.

use std::fs;

use anyhow::{Context, Result};

use super::{Bench, Bound, Finding, promises};
use crate::chaos::{Chaos, FaultName, Length};

/// So many faults make more than two hundred resets: each goes on for seconds.
const ROUNDS: u32 = 60;

/// What a node says of an AT line that it does not take.
const SKIPPED: &str = "update skipped";

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let chaos = Chaos {
        faults: vec![FaultName::Reset, FaultName::Partition],
        insecure_links: true,
        ..bench.chaos("torn", Length::Rounds(ROUNDS))?
    };
    let outcome = chaos.break_herd(bench.progress)?;
    let mut skipped = 0;
    for name in &outcome.history.setting.nodes {
        let log = chaos.folder.join("herd").join(format!("{name}.log"));
        let text = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
        skipped += text.matches(SKIPPED).count();
    }
    let torn = outcome.verdict.violations.iter().filter(|violation| violation.invariant == "I4").count();
    let mut findings = promises("links cut at random bytes", &outcome);
    findings.extend([
        Finding::new("cuts and resets", outcome.resets as f64, "", Bound::AtLeast(200.0)),
        Finding::new("torn records", (torn + skipped) as f64, "", Bound::AtMost(0.0)),
    ]);
    Ok(findings)
}
