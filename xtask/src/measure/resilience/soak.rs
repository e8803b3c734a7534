//! Injects all possible faults for a long time. The resources that a node uses must not grow.

use anyhow::Result;

use super::{Bound, Finding, ResilienceBench, invariant_findings, slowest};
use crate::chaos::{Available, Chaos, Length, possible_faults};
use crate::oracle::{EventKind, History};

/// The reports a second: few, because the history of half an hour is kept in memory and checked.
const RATE: u32 = 500;

pub(super) fn check_soak(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let chaos = bench.chaos("soak", Length::Time(bench.soak))?;
    let durability = chaos.durability;
    let available = Available { herd: chaos.file.herd(), has_servers: false, has_former: false, durability };
    let (faults, _) = possible_faults(&[], &available)?;
    let chaos = Chaos { faults, rate: RATE, ..chaos };
    let outcome = chaos.break_herd(bench.progress)?;
    let minutes = bench.soak.as_secs() / 60;
    let (faults, kinds) = (outcome.converged.len(), chaos.faults.len());
    let mut findings =
        invariant_findings(&format!("{minutes} minutes, {faults} faults of {kinds} kinds"), &outcome);
    let [memory, files] = [|(memory, _)| memory, |(_, files)| files]
        .map(|pick: fn((u64, u64)) -> u64| growth(&outcome.history, pick));
    findings.extend([
        Finding::new("longest time until all nodes agreed", slowest(&outcome), "s", Bound::AtMost(10.0)),
        Finding::new(
            "memory in the last third of the time, relative to the second",
            memory,
            "x",
            Bound::AtMost(1.1),
        ),
        Finding::new(
            "open files in the last third of the time, relative to the second",
            files,
            "x",
            Bound::AtMost(1.1),
        ),
    ]);
    Ok(findings)
}

/// The peak of a resource in the last third of the time, divided by its peak in the second third.
/// The first third is the warm-up.
fn growth(history: &History, pick: fn((u64, u64)) -> u64) -> f64 {
    let end = history.events.last().map_or(1, |event| event.at);
    let most = |third: u64| {
        let within = history.events.iter().filter(|event| event.at * 3 / end == third);
        let taken = within.filter_map(|event| match event.kind {
            EventKind::Usage { memory, files, .. } => Some(pick((memory, files))),
            _ => None,
        });
        taken.max().unwrap_or(0) as f64
    };
    most(2) / most(1)
}
