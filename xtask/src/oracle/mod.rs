//! Says whether what happened to a herd was right: a history goes in, a verdict comes out.
//!
//! Histories come from the simulator and from real processes alike. One file an invariant:
//!
//! | | invariant | file |
//! |---|---|---|
//! | I1 | no acknowledged update is lost | `lost` |
//! | I2 | all nodes end up the same | `identical` |
//! | I3 | no node goes back in time for a client | `backwards` |
//! | I4 | every record is one that was sent, at the node it names, with the skew that was answered | `phantom` |
//! | I5 | a client reads its acknowledged update at the node that acknowledged it | `own_reads` |
//! | I6 | the flood ends | `flood_ends` |
//! | I7 | without faults, at most 2E-(N-1) lines go over the links for each update | `lines` |
//! | I8 | clients of live nodes are answered, whatever happens elsewhere | `answered` |
//! | I9 | no link is dropped without a fault (simulation only) | `links` |
//! | I10 | memory is bounded | `memory` |
//! | I11 | nothing panics | `panics` |
//! | I12 | a sequence is used once in an epoch (simulation only) | `sequences` |

mod answered;
mod backwards;
mod facts;
mod flood_ends;
mod history;
mod identical;
mod lines;
mod links;
mod lost;
mod memory;
mod own_reads;
mod panics;
mod phantom;
mod sequences;
mod update;

#[cfg(test)]
mod tests;

pub use history::{Durability, Ending, Event, History, Keeps, Setting, Source, What};
pub use update::Update;

use std::any::Any;
use std::fmt;

use crate::output::table;
use facts::Facts;

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

/// An invariant: its number, what it says, and how it is checked: each violation as its evidence.
type Invariant = (&'static str, &'static str, fn(&Facts<'_>) -> Vec<String>);

const INVARIANTS: [Invariant; 12] = [
    ("I1", "no acknowledged update is lost", lost::check),
    ("I2", "all nodes end up the same", identical::check),
    ("I3", "no node goes back in time for a client", backwards::check),
    ("I4", "every record is one that was sent", phantom::check),
    ("I5", "a client reads its own acknowledged update", own_reads::check),
    ("I6", "the flood ends", flood_ends::check),
    ("I7", "without faults few lines go over the links", lines::check),
    ("I8", "clients of live nodes are answered", answered::check),
    ("I9", "no link is dropped without a fault", links::check),
    ("I10", "memory is bounded", memory::check),
    ("I11", "nothing panics", panics::check),
    ("I12", "a sequence is used once in an epoch", sequences::check),
];

/// Checks a history.
pub fn check(history: &History) -> Verdict {
    let facts = Facts::of(history);
    let violations = INVARIANTS.iter().flat_map(|(invariant, _, check)| {
        check(&facts).into_iter().map(|evidence| Violation { invariant, evidence })
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
}

impl Verdict {
    /// A line for each invariant: whether it holds.
    pub fn table(&self) -> String {
        let row = |(invariant, says, _): &Invariant| {
            let found = self.violations.iter().filter(|violation| violation.invariant == *invariant).count();
            let held = if found == 0 { "holds".to_owned() } else { format!("VIOLATED, {found} times") };
            [(*invariant).to_owned(), (*says).to_owned(), held]
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
