//! The simulated log that joins herds in several regions, and its faults.
//!
//! The log takes the place of a NATS stream, and `world::backbone` that of the tasks that publish
//! and read: `herd::backbone` has what they decide.

mod event;
mod faults;
mod member;
mod regions;
mod shards;
mod stream;

pub use faults::{BackboneFault, BackboneFaultKind};

pub(super) use event::{Asker, BackboneEvent, Step};
pub(super) use member::{Attempt, Consumer, Member, Reading, Sent};
pub(super) use stream::{Message, REPLICAS, Stream};
