//! Says whether what happened to a herd was right: a history goes in, a verdict comes out.
//!
//! Histories come from the simulator and from real processes alike. [`invariants`] lists them, one file each. In all of them, an update is a report or the
//! removal of a client, and a removal supersedes every report that a node took before it had heard of the removal.

mod facts;
mod history;
mod invariants;
pub mod timeline;
mod update;

#[cfg(test)]
mod tests;

pub use history::{Durability, Ending, Event, History, Keeps, REMOVE, Setting, Source, What};
pub use update::Update;

use std::any::Any;
use std::fmt;

use crate::text::table;
use facts::Facts;
use invariants::{INVARIANTS, Invariant, lost};

/// What was found out about a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What must not be.
    pub violations: Vec<Violation>,
    /// Acknowledged updates that are missing, and may be: their node lost its memory before it could pass them on.
    pub excused: usize,
    /// Updates acknowledged.
    pub acknowledged: usize,
    /// Lines between nodes that were news to nobody.
    pub duplicates: u64,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant, as `I1`.
    pub invariant: &'static str,
    /// What was seen.
    pub evidence: String,
}

/// Checks a history.
pub fn check(history: &History) -> Verdict {
    let facts = Facts::of(history);
    let violations = INVARIANTS.iter().flat_map(|Invariant { number, check, .. }| {
        check(&facts).into_iter().map(|evidence| Violation { invariant: number, evidence })
    });
    Verdict {
        violations: violations.collect(),
        excused: lost::excused(&facts),
        acknowledged: facts.acknowledged().count(),
        duplicates: history.endings.iter().map(|ending| ending.stale).sum(),
    }
}

impl Verdict {
    /// The verdict on a run that ended by a panic.
    pub fn of_panic(panic: &(dyn Any + Send)) -> Verdict {
        let said =
            panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        let evidence = format!("a node panicked: {}", said.unwrap_or("and said nothing"));
        Verdict { violations: vec![Violation { invariant: "I11", evidence }], ..Verdict::default() }
    }

    /// A line for each invariant: whether it holds, as far as can be seen in histories of a source.
    pub fn table(&self, source: Source) -> String {
        let row = |invariant: &Invariant| {
            let violations = self.violations.iter();
            let held = match violations.filter(|found| found.invariant == invariant.number).count() {
                0 if source == Source::Processes && !invariant.of_processes => "not seen".to_owned(),
                0 => "holds".to_owned(),
                found => format!("VIOLATED, {found} times"),
            };
            [invariant.number.to_owned(), invariant.says.to_owned(), held]
        };
        table(&INVARIANTS.iter().map(row).collect::<Vec<_>>())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.evidence)
    }
}

/// The first violations, one a line, and how many more there are.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "{violation}")?;
        }
        match self.violations.len() {
            0 => writeln!(
                f,
                "all invariants hold: {} updates acknowledged, none lost, {} excused",
                self.acknowledged, self.excused
            ),
            more if more > SHOWN => writeln!(f, "and {} more violations", more - SHOWN),
            _ => Ok(()),
        }
    }
}
