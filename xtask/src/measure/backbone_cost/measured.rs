//! The figures that are measured on this machine.

/// The nodes that read the backbone in the measured herd.
pub(super) const MEASURED_READERS: f64 = 4.0;

/// What one client, one update and one record cost. Processor time is in seconds of one core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// The resident bytes of a client in the table of a node.
    pub(super) client_bytes: f64,
    /// The processor time of a report at the node that answers it, publishes it and passes it on.
    pub(super) receiving_cpu: f64,
    /// The processor time of an update at a node that receives it over one link.
    pub(super) flooded_cpu: f64,
    /// The cores that all servers use together at few lines a second.
    pub(super) light_cores: f64,
    /// The processor time of a line at all servers together, at as many lines as a node publishes.
    pub(super) line_cpu: f64,
    /// The share of that which the busiest server has.
    pub(super) leader_share: f64,
    /// The bytes of a line in the stream, on all servers together.
    pub(super) log_bytes: f64,
    /// The bytes of a line in a message, from a node to a server or back.
    pub(super) message_bytes: f64,
    /// The bytes that nodes and servers send for a line that [`MEASURED_READERS`] nodes read.
    pub(super) sent_bytes: f64,
    /// The lines in a message then.
    pub(super) lines: f64,
    /// The records a second that an empty node receives over a link.
    pub(super) link_rate: f64,
    /// The records a second that a node of an empty region reads from the stream.
    pub(super) backbone_rate: f64,
}
