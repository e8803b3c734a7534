//! The oracle checks the history of a herd: a history goes in, a verdict comes out.
//!
//! Histories come from the simulator and from real processes. The module `invariants` lists the
//! properties that are checked. In all of them, an update is a report or the removal of a client. A
//! removal supersedes every report that a node took before it knew of the removal.

mod facts;
mod history;
mod invariants;
mod leap;
pub mod timeline;
mod update;

#[cfg(test)]
mod tests;

pub use history::{Ending, Event, EventKind, History, Keeps, Persistence, REMOVE, Setting, Source};
pub use leap::Leap;
pub use update::Update;

use std::any::Any;
use std::fmt;

use crate::text::table;
use facts::Facts;
use invariants::{INVARIANTS, Invariant, lost};

/// The verdict on a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The violations of invariants, in the order of the invariants.
    pub violations: Vec<Violation>,
    /// The number of acknowledged updates that are missing and were allowed to get lost, because
    /// their node lost its records before it could pass them on.
    pub excused: usize,
    /// The number of acknowledged updates.
    pub acknowledged: usize,
    /// The number of lines between nodes that held no news for the receiver.
    pub duplicates: u64,
}

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's number, like `I1`.
    pub invariant: &'static str,
    /// The evidence in the history.
    pub evidence: String,
}

/// Checks a history against all invariants.
pub fn check_history(history: &History) -> Verdict {
    let facts = Facts::of(history);
    let violations = INVARIANTS.iter().flat_map(|Invariant { number, find_violations, .. }| {
        find_violations(&facts).into_iter().map(|evidence| Violation { invariant: number, evidence })
    });
    Verdict {
        violations: violations.collect(),
        excused: lost::excused(&facts),
        acknowledged: facts.acknowledged().count(),
        duplicates: history.endings.iter().map(|ending| ending.stale).sum(),
    }
}

impl Verdict {
    /// The verdict on a run that ended in a panic, given the panic's payload.
    pub fn of_panic(panic: &(dyn Any + Send)) -> Verdict {
        let message =
            panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        let evidence = format!("a node panicked: {}", message.unwrap_or("no message"));
        Verdict { violations: vec![Violation { invariant: "I11", evidence }], ..Verdict::default() }
    }

    /// A table with a line for each invariant, which shows whether the invariant holds or cannot be
    /// checked in histories of this source.
    pub fn table(&self, source: Source) -> String {
        let row = |invariant: &Invariant| {
            let violations = self.violations.iter();
            let held = match violations.filter(|found| found.invariant == invariant.number).count() {
                0 if source == Source::Processes && !invariant.of_processes => "not checked".to_owned(),
                0 => "holds".to_owned(),
                found => format!("VIOLATED, {found} times"),
            };
            [invariant.number.to_owned(), invariant.statement.to_owned(), held]
        };
        table(&INVARIANTS.iter().map(row).collect::<Vec<_>>())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.evidence)
    }
}

/// The first ten violations, each on a line, and the number of further violations.
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
