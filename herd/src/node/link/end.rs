//! The reasons for which a link ends.

use std::time::Duration;

use crate::message::VERSION;

/// Why a link ended. The text is what the log shows, and what `BYE` sends to the neighbour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkEnd {
    /// Another link with the same neighbour replaced it. This is not a fault.
    #[error("duplicate")]
    Duplicate,
    /// Another process with the same name as the neighbour, or as this node, has the link.
    #[error("another process has this name")]
    Rival,
    /// Both nodes have heard all of each other, and yet their records differ. Both forget what they
    /// have heard, and the next link sends everything again.
    #[error("diverged")]
    Diverged,
    /// This node began a new epoch, so the neighbour's cursor has lost its meaning.
    #[error("a new epoch")]
    NewEpoch,
    /// The neighbour closed the link for this reason.
    #[error("the neighbour said: {0}")]
    Bye(String),
    /// The neighbour was silent for this long.
    #[error("nothing heard for {0:?}")]
    Silent(Duration),
    /// A line that is not part of the link language, or not allowed at this point.
    #[error("not expected here: {0}")]
    Framing(String),
    /// The neighbour speaks this version of the link language.
    #[error("speaks version {0} of the link language, this node speaks {VERSION}")]
    Version(u64),
    /// The neighbour that was dialled speaks this older version, so it is dialled again with that.
    #[error("speaks version {0} of the link language, which the next dial will use")]
    OlderVersion(u64),
    /// A node that is not a neighbour (the first name) of this node (the second).
    #[error("{0} is not a neighbour of {1}")]
    Stranger(String, String),
    /// The node that was dialled, and another one that answered.
    #[error("dialled {0}, and {1} answered")]
    WrongName(String, String),
    /// This node has reloaded its certificates, and no longer accepts the neighbour's.
    #[error("certificates were reloaded: {0}")]
    NoLongerCertified(String),
    /// The names in the neighbour's certificate, and another name in its hello.
    #[error("says it is {1}, but its certificate is for {0}")]
    Impostor(String, String),
    /// A newer connection replaced this one before it had become a link.
    #[error("replaced by a newer connection")]
    Crowded,
    /// The neighbour sent an update of a client that this node has no record of, and the node has
    /// reached [`memory_bytes`](crate::node::Limits::memory_bytes).
    #[error("no memory for more clients")]
    MemoryFull,
    /// The connection was closed or failed.
    #[error("{0}")]
    Connection(String),
    /// This node is stopping.
    #[error("stopping")]
    Stopping,
}

/// The reasons that the other side recognizes and acts on.
pub(super) const DUPLICATE: &str = "duplicate";
pub(super) const DIVERGED: &str = "diverged";
pub(super) const RIVAL: &str = "another process has this name";
