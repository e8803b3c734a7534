//! Cuts plain TCP links between random bytes, two hundred times.

use std::fs;

use anyhow::{Context, Result};

use super::{Bound, Finding, ResilienceBench, invariant_findings};
use crate::chaos::{Chaos, FaultName, Length};

/// The number of faults. Each resets links again and again for seconds, more than 200 times in
/// total.
const ROUNDS: u32 = 60;

/// The message in a node's log about an AT line that it rejects.
const SKIPPED: &str = "update skipped";

pub(super) fn check_torn(bench: &ResilienceBench) -> Result<Vec<Finding>> {
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
    let mut findings = invariant_findings("links cut at random bytes", &outcome);
    findings.extend([
        Finding::new("cuts and resets", outcome.resets as f64, "", Bound::AtLeast(200.0)),
        Finding::new("torn records", (torn + skipped) as f64, "", Bound::AtMost(0.0)),
    ]);
    Ok(findings)
}
