//! Every bound of a node, by name.

mod contradictions;
mod defaults;
mod parsing;
#[cfg(test)]
mod tests;

pub use parsing::{parse_duration, parse_duration_or_off};

use std::time::Duration;

use serde::Deserialize;

use parsing::{
    bytes_or_off, count_or_off, duration, duration_or_off, percent, positive, positive_bytes,
    positive_duration,
};

/// The bounds that keep one client, one neighbour or one slow upstream from harming the rest.
///
/// Each is a key of the `[limits]` table of a herd file, with the name of the field. Durations are
/// written like `"30s"` or `"2s 500ms"`, and are at most 100 years. Each field says what happens at
/// its bound. A bound that must not be 0 is rejected when the file is read.
///
/// # Examples
/// ```
/// use herd::node::Limits;
///
/// let limits = Limits { distinct_clients: 5_000, ..Limits::default() };
/// assert!(limits.contradictions().is_empty());
/// ```
///
/// # Groups
/// - A client's lines: from [`line_bytes`](Self::line_bytes) to [`turn_bytes`](Self::turn_bytes)
/// - Connections of clients: from [`idle_client`](Self::idle_client)
///   to [`linger_bytes`](Self::linger_bytes)
/// - Reports and removals: from [`max_future_skew`](Self::max_future_skew)
///   to [`forget_after`](Self::forget_after)
/// - Questions about places: from [`whatsat_per_connection`](Self::whatsat_per_connection)
///   to [`places_depth`](Self::places_depth)
/// - The journal and its disk: from [`journal_bytes`](Self::journal_bytes)
///   to [`disk_patience`](Self::disk_patience)
/// - Links: from [`heartbeat`](Self::heartbeat) to [`clock_difference`](Self::clock_difference)
/// - Dialling neighbours: from [`redial_first`](Self::redial_first)
///   to [`dial_addresses`](Self::dial_addresses)
/// - Several processes with one name: from [`rival_returns`](Self::rival_returns)
///   to [`rival_warning`](Self::rival_warning)
/// - Lines of links, and connections that are not links yet:
///   from [`link_line_bytes`](Self::link_line_bytes)
///   to [`link_handshakes`](Self::link_handshakes)
/// - The admin port: from [`admin_connections`](Self::admin_connections)
///   to [`admin_events`](Self::admin_events)
/// - The log: from [`log_repeat`](Self::log_repeat) to [`log_flush`](Self::log_flush)
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    // A client's lines.
    /// The longest client line in bytes, without its line end. The answer to a longer one is `? `
    /// and its first [`echo_bytes`](Self::echo_bytes) bytes, followed by a graceful close.
    #[serde(deserialize_with = "positive")]
    pub line_bytes: usize,
    /// How many bytes of an over-long line its answer repeats.
    pub echo_bytes: usize,
    /// How long a line may stay unfinished before its connection is closed.
    #[serde(deserialize_with = "positive_duration")]
    pub unfinished_line: Duration,
    /// The lines of one client that are answered in one turn. A client with more input waits for
    /// its next turn; other clients, links and the admin port go first. Each read counts as
    /// [`READ_AS_LINES`] lines.
    #[serde(deserialize_with = "positive")]
    pub turn_lines: usize,
    /// The bytes of one client's lines that are answered in one turn.
    #[serde(deserialize_with = "positive")]
    pub turn_bytes: usize,

    // Connections of clients.
    /// How long a client may send nothing while it is owed no answer, before its connection is
    /// closed.
    #[serde(deserialize_with = "positive_duration")]
    pub idle_client: Duration,
    /// Client connections served at once. The next one is refused with an answer and a graceful
    /// close, unless its address has fewer connections than another one: then it replaces one of
    /// the address that has most.
    #[serde(deserialize_with = "positive")]
    pub client_connections: usize,
    /// Refused connections that are closed gracefully at once. Further ones get an answer and are
    /// closed without waiting for their input; otherwise refusing would use up the file
    /// descriptors.
    pub client_refusals: usize,
    /// File descriptors kept free of clients, for links, logs and upstream requests.
    pub spare_files: usize,
    /// Bytes that one client can make the node hold, the kernel's included: answers that the client
    /// does not read, and lines that wait meanwhile. At this bound the node stops reading from the
    /// client. It is a high-water mark: the last answer may exceed it by its own length.
    #[serde(deserialize_with = "positive")]
    pub unread_answers: usize,
    /// Bytes of answers that the kernel may hold for one client, as the socket option `SO_SNDBUF`
    /// counts them. Linux uses twice as much, including its overhead.
    #[serde(deserialize_with = "positive")]
    pub client_send_buffer: u32,
    /// Bytes of input that the kernel may hold for one client, as `SO_RCVBUF` counts them.
    #[serde(deserialize_with = "positive")]
    pub client_receive_buffer: u32,
    /// Clients that may have larger buffers at once: those that send without a pause and read their
    /// answers.
    pub busy_clients: usize,
    /// Bytes of input that the kernel may hold for such a client, and bytes of answers that the
    /// node may hold.
    #[serde(deserialize_with = "positive")]
    pub busy_buffer: u32,
    /// How long a client that is owed answers may accept none of them before its connection is
    /// closed.
    #[serde(deserialize_with = "positive_duration")]
    pub unread_stall: Duration,
    /// How long a graceful close discards input after it has stopped sending. Closing with unread
    /// input would reset the connection before the client reads its last answer.
    #[serde(deserialize_with = "duration")]
    pub linger: Duration,
    /// How many bytes a graceful close discards at most.
    pub linger_bytes: usize,

    // Reports and removals.
    /// How far a client's time may be ahead of this node's clock; `"off"` for no bound. A report
    /// beyond it is an invalid command. Updates from neighbours are not bounded, because nodes with
    /// different clocks would then disagree.
    #[serde(deserialize_with = "duration_or_off")]
    pub max_future_skew: Option<Duration>,
    /// The number of records at which this node stops accepting reports of clients without one:
    /// such a report is an invalid command then. Reports of known clients are still accepted, and
    /// updates from neighbours are never refused.
    pub distinct_clients: usize,
    /// New client ids accepted from one connection in a second; `"off"` for no bound. Beyond it a
    /// report with a new id is an invalid command, and reports of known clients are still accepted.
    #[serde(deserialize_with = "count_or_off")]
    pub new_ids_per_connection: Option<u32>,
    /// New client ids accepted from one address in a second, over all its connections; `"off"` for
    /// no bound.
    #[serde(deserialize_with = "count_or_off")]
    pub new_ids_per_address: Option<u32>,
    /// Bytes of memory that the process may use; by default three quarters of the memory of the
    /// machine, or of the process's control group. Beyond it a client's report with a new id is an
    /// invalid command, and an update with a new id ends its link. The link is tried again later.
    #[serde(deserialize_with = "positive_bytes")]
    pub memory_bytes: Option<u64>,
    /// The number of clients ever removed at which this node refuses to remove another one. It
    /// includes clients that have reported again, because a removal is remembered forever. Removals
    /// from neighbours are never refused.
    pub removed_clients: usize,
    /// How long after its last report a client is forgotten, by all nodes alike; `"off"` for never.
    /// At least a minute. A forgotten client is one that never reported: a WHATSAT about it is an
    /// invalid command, and its next report wins over whatever it reported before. It may be
    /// remembered for a little longer, up to a sixty-fourth of this time and some seconds.
    #[serde(deserialize_with = "duration_or_off")]
    pub forget_after: Option<Duration>,

    // Questions about places.
    /// WHATSATs of one connection that wait for the Places service at once; its later lines wait.
    #[serde(deserialize_with = "positive")]
    pub whatsat_per_connection: usize,
    /// Requests to the Places service in flight at once.
    #[serde(deserialize_with = "positive")]
    pub whatsat_upstream: usize,
    /// WHATSATs that wait for one of those requests to end. Further ones are answered
    /// `UNKNOWN_ERROR`.
    pub whatsat_waiting: usize,
    /// The timeout for connecting to the Places service.
    #[serde(deserialize_with = "positive_duration")]
    pub places_connect: Duration,
    /// The timeout for one WHATSAT's answer from the Places service, waiting included.
    #[serde(deserialize_with = "positive_duration")]
    pub places_total: Duration,
    /// The shortest wait before the one retry of a request to the Places service. The longest is
    /// twice that.
    #[serde(deserialize_with = "duration")]
    pub places_retry: Duration,
    /// Consecutive failures of the Places service that open the circuit breaker.
    #[serde(deserialize_with = "positive")]
    pub places_failures: u32,
    /// How long the circuit breaker stays open.
    #[serde(deserialize_with = "duration")]
    pub places_pause: Duration,
    /// How long a connection to the Places service is kept without a request. Proxies usually close
    /// idle connections after a minute; a shorter time avoids a request on one that is just being
    /// closed.
    #[serde(deserialize_with = "positive_duration")]
    pub places_idle: Duration,
    /// Requests in each minute of the wall clock to a Places service that bills them; `"off"` for
    /// no bound. Retries count, and questions that share a request count once. Beyond it the answer
    /// is `OVER_QUERY_LIMIT` and says when to ask again.
    #[serde(deserialize_with = "count_or_off")]
    pub places_per_minute: Option<u32>,
    /// The same for each day of UTC. Google charges about 32 dollars for 1,000 requests, so 200 a
    /// day cost one node at most 6.40 dollars a day. A restarted node counts from 0.
    #[serde(deserialize_with = "count_or_off")]
    pub places_per_day: Option<u32>,
    /// The share of these two bounds that requests for one client address may use, in percent; with
    /// 100, one address may use all of it. An IPv6 address counts by its first 64 bits.
    #[serde(deserialize_with = "percent")]
    pub places_address_percent: u32,
    /// The longest text of the Places service that an error repeats, in characters.
    #[serde(deserialize_with = "positive")]
    pub places_message_chars: usize,
    /// The longest body accepted from the Places service, in bytes.
    #[serde(deserialize_with = "positive")]
    pub places_body_bytes: usize,
    /// The deepest nesting of JSON accepted in such a body.
    #[serde(deserialize_with = "positive")]
    pub places_depth: usize,

    // The journal and its disk.
    /// The size in bytes up to which a journal is never compacted. A larger one is compacted when
    /// more than half of it is obsolete.
    pub journal_bytes: u64,
    /// About how many bytes of updates are written to the journal at once, and how many bytes of
    /// recent updates the table keeps for it.
    #[serde(deserialize_with = "positive")]
    pub journal_batch_bytes: usize,
    /// How long one operation of the disk may take before the node reports it in its log, in its
    /// status and in `/readyz`.
    #[serde(deserialize_with = "positive_duration")]
    pub disk_patience: Duration,

    // Links.
    /// The interval of heartbeats on each link.
    #[serde(deserialize_with = "positive_duration")]
    pub heartbeat: Duration,
    /// How long a neighbour may be silent before its link ends.
    #[serde(deserialize_with = "positive_duration")]
    pub link_silence: Duration,
    /// How far a neighbour's wall clock may differ from this node's. Beyond it the node warns and
    /// is not ready, and otherwise works as before.
    #[serde(deserialize_with = "positive_duration")]
    pub clock_difference: Duration,

    // Dialling neighbours.
    /// The wait after the first failed dial; each further wait doubles.
    #[serde(deserialize_with = "positive_duration")]
    pub redial_first: Duration,
    /// The longest wait between dials.
    #[serde(deserialize_with = "positive_duration")]
    pub redial_longest: Duration,
    /// How long a dial waits for the DNS lookup of a neighbour's name. The lookup itself continues,
    /// and the next dial waits for it, so a hung resolver causes at most one lookup for each
    /// neighbour.
    #[serde(deserialize_with = "positive_duration")]
    pub name_lookup: Duration,
    /// How many addresses of a neighbour's name one dial tries, in the resolver's order.
    #[serde(deserialize_with = "positive")]
    pub dial_addresses: usize,

    // Several processes with one name.
    /// How often an earlier process of a neighbour's name must take the link over again within
    /// [`rival_window`](Self::rival_window) before the node concludes that several processes have
    /// that name, and warns.
    #[serde(deserialize_with = "positive")]
    pub rival_returns: usize,
    /// The time within which these returns count; see [`rival_returns`](Self::rival_returns).
    #[serde(deserialize_with = "positive_duration")]
    pub rival_window: Duration,
    /// How long one of several processes with a neighbour's name keeps the link before another one
    /// may take it over.
    #[serde(deserialize_with = "duration")]
    pub rival_pause: Duration,
    /// The shortest time between two warnings of several processes with one name.
    #[serde(deserialize_with = "duration")]
    pub rival_warning: Duration,

    // Lines of links, and connections that are not links yet.
    /// The longest line between nodes, in bytes; a longer one ends the link. At least 4,200, the
    /// length of the sums of a bulk sync.
    pub link_line_bytes: usize,
    /// About how many bytes of updates a link writes before it writes a mark and checks the time.
    #[serde(deserialize_with = "positive")]
    pub link_batch_bytes: usize,
    /// A neighbour that may lack more updates than this is brought up to date by a bulk sync.
    pub bulk_sync: usize,
    /// The timeout of the TLS handshake on the link port, and then of the hello.
    #[serde(deserialize_with = "positive_duration")]
    pub link_handshake: Duration,
    /// Connections on the link port that are not yet, or no longer, links. When there are this
    /// many, the next one replaces one that has sent nothing, the oldest first. A connection from a
    /// neighbour's address may replace one from any other address.
    #[serde(deserialize_with = "positive")]
    pub link_handshakes: usize,

    // The admin port.
    /// Connections on the admin port at once. The next one replaces the oldest.
    #[serde(deserialize_with = "positive")]
    pub admin_connections: usize,
    /// How long a connection on the admin port may take to send the headers of its next request.
    #[serde(deserialize_with = "positive_duration")]
    pub admin_patience: Duration,
    /// Bytes of answers that the kernel may hold for one connection on the admin port
    /// (`SO_SNDBUF`). Pages of `/clients` are large, and with a small buffer a reader waits for
    /// each piece.
    #[serde(deserialize_with = "positive")]
    pub admin_send_buffer: u32,
    /// The latest events that are kept for readers of `/events`. A reader that is further behind
    /// learns how many it has missed.
    #[serde(deserialize_with = "positive")]
    pub admin_events: usize,

    // The log.
    /// The shortest time between two log lines of a warning that strangers can cause. Events
    /// meanwhile are counted.
    #[serde(deserialize_with = "duration")]
    pub log_repeat: Duration,
    /// The size of the backlog of log lines, in bytes. Lines beyond it are dropped and counted.
    #[serde(deserialize_with = "positive")]
    pub log_backlog_bytes: usize,
    /// The size at which the file of the log is full, in bytes. A full file is renamed, with `.old`
    /// at the end, and a new one begun. `None` if the file may grow.
    #[serde(deserialize_with = "bytes_or_off")]
    pub log_file_bytes: Option<u64>,
    /// How long a process that exits waits for its log to be written.
    #[serde(deserialize_with = "duration")]
    pub log_flush: Duration,
}

impl Limits {
    /// Returns how many bytes of answers the node itself may hold for a client before it stops
    /// reading from it. This is half of what [`unread_answers`](Self::unread_answers) leaves after
    /// the kernel's buffers, the lines that were read, and the connection itself; a buffer that
    /// grows by doubling may use twice the memory of its contents.
    pub fn answers_kept(&self) -> usize {
        let send = self.client_send_buffer as usize;
        let receive = self.client_receive_buffer as usize;
        let others = 2 * (send + receive) + receive + CONNECTION;
        (self.unread_answers.saturating_sub(others) / 2).max(1)
    }
}

/// The memory of a connection itself, in bytes.
const CONNECTION: usize = 4096;

/// The number of lines that a read from a client counts as. A read costs about as much time as that
/// many short lines, so a client that sends one line at a time uses up its turns too.
pub const READ_AS_LINES: usize = 8;
