//! The invariants: what must be true of every history. Each has its own file.
//!
//! | | invariant | file |
//! |---|---|---|
//! | I1 | no acknowledged update is lost | `lost` |
//! | I2 | all nodes end up with the same records | `identical` |
//! | I3 | no node goes back in time for a client | `backwards` |
//! | I4 | every record is one that was sent, at the node it names, with the skew that was answered | `phantom` |
//! | I5 | a client reads its acknowledged update at the node that acknowledged it | `own_reads` |
//! | I6 | the flood ends | `flood_ends` |
//! | I7 | without faults, at most 2E-(N-1) lines go over the links for each update (simulation only) | `lines` |
//! | I8 | clients of live nodes are answered, whatever happens elsewhere | `answered` |
//! | I9 | no link is dropped without a fault (simulation only) | `links` |
//! | I10 | memory is bounded | `memory` |
//! | I11 | nothing panics | `panics` |
//! | I12 | a sequence is used once in an epoch (simulation only) | `sequences` |
//! | I13 | without faults, no node asks again and again for updates that were left out (simulation only) | `repairs` |
//! | I14 | clients that have not reported for long are forgotten (simulation only) | `forgotten` |

mod answered;
mod backwards;
mod flood_ends;
mod forgotten;
mod identical;
mod lines;
mod links;
pub(super) mod lost;
mod memory;
mod own_reads;
mod panics;
mod phantom;
mod repairs;
mod sequences;

use super::facts::Facts;

/// A property that every history must have.
pub(super) struct Invariant {
    pub(super) number: &'static str,
    pub(super) statement: &'static str,
    /// Returns the evidence of each violation.
    pub(super) find_violations: fn(&Facts<'_>) -> Vec<String>,
    /// Whether the invariant can be checked for real processes, which are seen from outside only.
    pub(super) of_processes: bool,
}

const fn anywhere(
    number: &'static str,
    statement: &'static str,
    find_violations: fn(&Facts<'_>) -> Vec<String>,
) -> Invariant {
    Invariant { number, statement, find_violations, of_processes: true }
}

const fn simulated(
    number: &'static str,
    statement: &'static str,
    find_violations: fn(&Facts<'_>) -> Vec<String>,
) -> Invariant {
    Invariant { number, statement, find_violations, of_processes: false }
}

pub(super) const INVARIANTS: [Invariant; 14] = [
    anywhere("I1", "no acknowledged update is lost", lost::lost_updates),
    anywhere("I2", "all nodes end up with the same records", identical::different_nodes),
    anywhere("I3", "no node goes back in time for a client", backwards::older_answers),
    anywhere("I4", "every record is one that was sent", phantom::phantom_records),
    anywhere("I5", "a client reads its own acknowledged update", own_reads::missed_own_updates),
    anywhere("I6", "the flood ends", flood_ends::endless_floods),
    simulated("I7", "without faults, few lines go over the links", lines::excess_lines),
    anywhere("I8", "clients of live nodes are answered", answered::unanswered_operations),
    simulated("I9", "no link is dropped without a fault", links::dropped_links),
    anywhere("I10", "memory is bounded", memory::excess_memory),
    anywhere("I11", "nothing panics", panics::panics),
    simulated("I12", "a sequence is used once in an epoch", sequences::reused_sequences),
    simulated("I13", "without faults, no node asks again and again", repairs::needless_repairs),
    simulated("I14", "clients that do not report are forgotten", forgotten::remembered_clients),
];
