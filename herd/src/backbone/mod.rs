//! The backbone: a log of updates, kept by NATS JetStream, that joins herds in different regions.
//!
//! Inside a herd, updates are flooded over links as always. The backbone is one more reader of each
//! node's change log, and one more writer of updates:
//!
//! - Each node [publishes](Publisher) what it received from clients itself. There is no queue and
//!   no election. What a later report has replaced is never published.
//! - Two nodes of each herd [read](Reader) all messages, and apply those of other regions. They
//!   reach the other nodes over links.
//!
//! The order of updates decides what wins, so messages that are doubled, late or out of order do no
//! harm. The stream is never the only copy: every node keeps its records. If the stream is lost,
//! each node publishes its own records into the next one.
//!
//! No other module knows what the backbone is made of.

mod absent;
mod engine;
mod failure;
mod message;
mod publisher;
mod publishing;
mod reader;
mod reading;
mod requests;
mod settings;

pub use message::{CURSOR, Header, UnknownHeader, node_of, subject};
pub use publisher::{MESSAGE_BYTES, Publisher};
pub use reader::{ATTEMPTS, Next, Reader, Start, StreamState};
pub use settings::Settings;

use std::sync::Arc;

use crate::server::{BackboneState, TableAccess};
use engine::Engine;

/// Joins a running node to the backbone, until the node stops. While the backbone cannot be
/// reached, the node serves its clients as always, and publishes what is missing later.
pub fn join(settings: Settings, access: &TableAccess) {
    let state = Arc::new(BackboneState::new(&settings.region, settings.reads));
    access.show_backbone(Arc::clone(&state));
    let reads = settings.reads;
    let engine = Arc::new(Engine::new(settings));
    access.spawn(publishing::run(Arc::clone(&engine), Arc::clone(&state), access.clone()));
    if reads {
        access.spawn(reading::run(engine, state, access.clone()));
    }
}

#[cfg(test)]
mod tests;
