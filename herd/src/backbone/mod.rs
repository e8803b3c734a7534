//! The backbone: a log of updates, kept by NATS JetStream, that joins herds in different regions.
//!
//! Inside a herd, updates are flooded over links as always. The backbone is one more reader of each
//! node's change log, and one more writer of updates:
//!
//! - Each node [publishes](Publisher) what it received from clients itself. There is no queue and
//!   no election. What a later report has replaced is never published.
//! - Two nodes of each herd [read](Reader) all messages, and apply them. They reach the other nodes
//!   over links. A region also reads its own messages: what they have may be lost there since.
//!
//! The order of updates decides what wins, so messages that are doubled, late or out of order do no
//! harm.
//! - The same two nodes [compare](crate::node::RegionSums) sums with other regions once a minute,
//!   and publish again what differs.
//!
//! The stream is never the only copy: every node keeps its records. If the stream is lost,
//! each node publishes its own records into the next one.
//!
//! No other module knows what the backbone is made of.

mod absent;
mod answers;
mod comparing;
mod engine;
mod failure;
mod finding;
mod holders;
mod holding;
mod message;
mod parting;
mod patience;
mod publisher;
mod publishing;
mod reader;
mod reading;
mod requests;
mod settings;
mod speaking;

pub use absent::{Absent, left_by};
pub use answers::Answers;
pub use holders::Holders;
pub use holding::Holding;
pub use message::{CURSOR, Header, UnknownHeader, node_of, subject};
pub use parting::{Part, Parting};
pub use publisher::{MESSAGE_BYTES, Publisher};
pub use reader::{ATTEMPTS, Lengths, Next, Reader, Start, StreamState, is_heard};
pub use requests::{AgainAnswer, AgainRequest, UnknownRequest};
pub use settings::Settings;
pub use speaking::ask_all;

/// The times and bounds of the tasks, for a program that takes their place.
pub mod pace {
    pub use super::engine::PATIENCE;
    pub use super::publishing::{FIRST_PAUSE, IN_FLIGHT, LONGEST_PAUSE, LOOK};
    pub use super::reading::{ASK, PAUSE};
    pub use super::speaking::SAY;
}

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::AnswerAfter;
use crate::server::{BackboneState, TableAccess};
use crate::traces::Traces;
use engine::Engine;
use speaking::KnownHolders;

/// Joins a running node to the backbone, until the node stops. While the backbone cannot be
/// reached, the node serves its clients as always, and publishes what is missing later.
pub fn join(settings: Settings, traces: Traces, access: &TableAccess) {
    let state = Arc::new(BackboneState::new(&settings.region, settings.reads));
    access.show_backbone(Arc::clone(&state));
    let Settings { reads, compare, answer, shards, .. } = settings;
    let engine = Arc::new(Engine::new(settings, traces));
    let (again, published_again) = mpsc::channel(1);
    let holders = Arc::new(KnownHolders::new());
    if shards.count() > 1 && reads {
        let (engine, state) = (&engine, &state);
        access.spawn(speaking::run(
            Arc::clone(engine),
            Arc::clone(state),
            access.clone(),
            Arc::clone(&holders),
        ));
        access.spawn(finding::answer(Arc::clone(engine), Arc::clone(state), access.clone()));
    }
    if !shards.are_all() {
        let lookups = state.take_lookups();
        access.spawn(finding::ask(Arc::clone(&engine), Arc::clone(&state), access.clone(), lookups));
    }
    access.spawn(publishing::run(
        Arc::clone(&engine),
        Arc::clone(&state),
        access.clone(),
        published_again,
        holders,
    ));
    if answer == AnswerAfter::Backbone {
        access.wait_for_backbone();
        access.spawn(patience::run(Arc::clone(&state), access.clone()));
    }
    if reads {
        access.spawn(reading::run(Arc::clone(&engine), Arc::clone(&state), access.clone(), again.clone()));
    }
    if let (true, Some(every)) = (reads, compare) {
        access.spawn(comparing::run(engine, state, access.clone(), every, again));
    }
}

#[cfg(test)]
mod tests;
