//! Why the backbone does not work at the moment.

use std::fmt::Display;

/// Why a node begins again to publish or to read. The texts hold no credentials: the URLs of
/// servers have none, and the file of credentials is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A request failed, or took too long.
    #[error("cannot {what}: {reason}")]
    Request {
        /// What was to be done.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// The stream has been made again.
    #[error("the stream was created again")]
    NewStream,
    /// A node answered with something else than sums.
    #[error("a node of another region answered with something else than sums")]
    NoSums,
    /// No region goes on to publish what was not read therefore.
    #[error("no other region publishes what was not read; reading it")]
    Unanswered,
    /// Messages are missing.
    #[error("a server lacks the messages {from} to {to}; trying another one")]
    Hole {
        /// The sequence of the first of them.
        from: u64,
        /// The sequence of the last one.
        to: u64,
    },
    /// The memory limit of the node is reached.
    #[error("the memory limit of this node is reached, so updates of new clients are not read")]
    MemoryFull,
    /// The stream divides clients into another number of shards.
    #[error("the stream was created with shards = {0}: set the same in [backbone]")]
    OtherShards(String),
    /// Another region has a node with this node's name.
    #[error("the region {0} has a node with this node's name, and names must be unique over all regions")]
    NameTaken(String),
}

impl Failure {
    /// Returns a function that makes the failure of doing `what` from an error.
    pub(super) fn of<E: Display>(what: &'static str) -> impl Fn(E) -> Failure {
        move |error| {
            let reason = error.to_string();
            let is_late = ["timed out", "missed idle heartbeat"].iter().any(|late| reason.contains(late));
            let reason = if is_late { "no server answered within 1 s".to_owned() } else { reason };
            Failure::Request { what, reason }
        }
    }
}
