//! Everything that can happen, for long: what a node takes does not grow.

use anyhow::Result;

use super::{Bench, Bound, Finding, promises, slowest};
use crate::chaos::{Chaos, Length, possible_faults};
use crate::oracle::{EventKind, History};

/// Reports a second: a history of half an hour has to be kept, and looked through.
const RATE: u32 = 500;

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let chaos = bench.chaos("soak", Length::Time(bench.soak))?;
    let (faults, _) = possible_faults(&[], chaos.file.herd(), chaos.durability)?;
    let chaos = Chaos { faults, rate: RATE, ..chaos };
    let outcome = chaos.break_herd(bench.progress)?;
    let minutes = bench.soak.as_secs() / 60;
    let (faults, kinds) = (outcome.converged.len(), chaos.faults.len());
    let mut findings = promises(&format!("{minutes} minutes, {faults} faults of {kinds} kinds"), &outcome);
    let [memory, files] = [|(memory, _)| memory, |(_, files)| files]
        .map(|pick: fn((u64, u64)) -> u64| growth(&outcome.history, pick));
    findings.extend([
        Finding::new("until all nodes knew the same, at most", slowest(&outcome), "s", Bound::AtMost(10.0)),
        Finding::new("memory in the last third of it, against the second", memory, "x", Bound::AtMost(1.1)),
        Finding::new(
            "open files in the last third of it, against the second",
            files,
            "x",
            Bound::AtMost(1.1),
        ),
    ]);
    Ok(findings)
}

/// The most that any node took in the last third, divided by the most in the second: the first is for warming up.
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
