//! Why a link ends.

use std::time::Duration;

use crate::message::VERSION;

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkEnd {
    /// Another link with the same neighbour took its place. No fault.
    #[error("duplicate")]
    Duplicate,
    /// Another process with the name of the one that dialled, or was dialled, has the link: they take turns slowly.
    #[error("another process has this name")]
    Rival,
    /// Both have heard all of each other, and yet do not know the same. Both begin again from the beginning.
    #[error("diverged")]
    Diverged,
    /// This node's table has begun another life: the neighbour's cursor means nothing any more.
    #[error("a new epoch")]
    NewEpoch,
    /// The neighbour closed it and said why.
    #[error("the neighbour said: {0}")]
    Bye(String),
    /// Nothing was heard for too long.
    #[error("nothing heard for {0:?}")]
    Silent(Duration),
    /// A line that is no line of a link, or not at this point.
    #[error("not expected here: {0}")]
    Framing(String),
    /// The neighbour speaks another version.
    #[error("speaks version {0} of the link language, this node speaks {VERSION}")]
    Version(u64),
    /// Somebody who is no neighbour.
    #[error("{0} is no neighbour of {1}")]
    Stranger(String, String),
    /// Somebody else answered where a neighbour was dialled.
    #[error("dialled {0}, and {1} answered")]
    WrongName(String, String),
    /// This node has read its certificates again, and accepts the neighbour's no longer.
    #[error("certificates have been read again: {0}")]
    NoLongerCertified(String),
    /// A neighbour's name that its certificate does not bear out.
    #[error("says it is {1}, and its certificate says {0}")]
    Impostor(String, String),
    /// Connections on the link port had to make room for newer ones, and this one had not become a link.
    #[error("made room for a newer connection")]
    Crowded,
    /// The neighbour told of a client that this node does not know, and it has no memory for more.
    #[error("no memory for more clients")]
    MemoryFull,
    /// The connection ended or failed.
    #[error("{0}")]
    Connection(String),
    /// This node is stopping.
    #[error("stopping")]
    Stopping,
}

/// The reasons that the other side acts on.
pub(super) const DUPLICATE: &str = "duplicate";
pub(super) const DIVERGED: &str = "diverged";
pub(super) const RIVAL: &str = "another process has this name";
