//! Herds that are joined by the backbone: the servers of its engine, and herds cut into regions.

mod regions;
mod servers;
mod shards;
mod stream;

pub use regions::{Backbone, JoinedHerds, copies, cut, halves};
pub(crate) use servers::KnownServer;
pub use servers::{NatsServers, SERVERS, nats_server};
pub use shards::{divided, wait_until_whole};
