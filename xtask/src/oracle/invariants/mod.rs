//! The invariants, one file each: what must be true of every history.
//!
//! | | invariant | file |
//! |---|---|---|
//! | I1 | no acknowledged update is lost | `lost` |
//! | I2 | all nodes end up the same | `identical` |
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

mod answered;
mod backwards;
mod flood_ends;
mod identical;
mod lines;
mod links;
pub(super) mod lost;
mod memory;
mod own_reads;
mod panics;
mod phantom;
mod sequences;

use super::facts::Facts;

/// Something that must be true.
pub(super) struct Invariant {
    pub(super) number: &'static str,
    pub(super) says: &'static str,
    /// Each violation as its evidence.
    pub(super) check: fn(&Facts<'_>) -> Vec<String>,
    /// Whether it can be told of real processes, too: who looks from outside does not see everything.
    pub(super) of_processes: bool,
}

const fn anywhere(
    number: &'static str,
    says: &'static str,
    check: fn(&Facts<'_>) -> Vec<String>,
) -> Invariant {
    Invariant { number, says, check, of_processes: true }
}

const fn simulated(
    number: &'static str,
    says: &'static str,
    check: fn(&Facts<'_>) -> Vec<String>,
) -> Invariant {
    Invariant { number, says, check, of_processes: false }
}

pub(super) const INVARIANTS: [Invariant; 12] = [
    anywhere("I1", "no acknowledged update is lost", lost::check),
    anywhere("I2", "all nodes end up the same", identical::check),
    anywhere("I3", "no node goes back in time for a client", backwards::check),
    anywhere("I4", "every record is one that was sent", phantom::check),
    anywhere("I5", "a client reads its own acknowledged update", own_reads::check),
    anywhere("I6", "the flood ends", flood_ends::check),
    simulated("I7", "without faults few lines go over the links", lines::check),
    anywhere("I8", "clients of live nodes are answered", answered::check),
    simulated("I9", "no link is dropped without a fault", links::check),
    anywhere("I10", "memory is bounded", memory::check),
    anywhere("I11", "nothing panics", panics::check),
    simulated("I12", "a sequence is used once in an epoch", sequences::check),
];
