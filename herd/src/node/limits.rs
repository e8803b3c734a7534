//! Every bound of a node, by name.

mod defaults;
mod parsing;
#[cfg(test)]
mod tests;

pub use parsing::parse_duration_or_off;

use std::time::Duration;

use serde::Deserialize;

use parsing::{
    count_or_off, duration, duration_or_off, percent, positive, positive_bytes, positive_duration,
};

/// The bounds that keep one client, one neighbour or one slow upstream from harming the rest.
///
/// All are settable in the `[limits]` table of a herd file under the names of these fields; durations are
/// written like `"30s"` or `"2s 500ms"`, and are at most 100 years. What happens at a bound is said at each field.
/// Those without which nothing would work cannot be 0.
///
/// # Groups
/// - A client's lines: from [`line_bytes`](Self::line_bytes) to [`turn_bytes`](Self::turn_bytes)
/// - Connections of clients: from [`idle_client`](Self::idle_client)
///   to [`linger_bytes`](Self::linger_bytes)
/// - Reports and removals: from [`max_future_skew`](Self::max_future_skew)
///   to [`removed_clients`](Self::removed_clients)
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
///   to [`admin_patience`](Self::admin_patience)
/// - The log: from [`log_repeat`](Self::log_repeat) to [`log_flush`](Self::log_flush)
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    // A client's lines.
    /// Longest client line in bytes, without its line end. A longer one is answered `? ` and its first
    /// [`echo_bytes`](Self::echo_bytes) bytes; then the connection is closed gently.
    #[serde(deserialize_with = "positive")]
    pub line_bytes: usize,
    /// How much of an over-long line its answer repeats, in bytes.
    pub echo_bytes: usize,
    /// How long a line may stay begun and unfinished before its connection is closed.
    #[serde(deserialize_with = "positive_duration")]
    pub unfinished_line: Duration,
    /// Lines of one client that are answered in one turn. A client with more input waits for its next
    /// turn; other clients, links and the admin port go first. A read counts as
    /// [`READ_AS_LINES`] lines.
    #[serde(deserialize_with = "positive")]
    pub turn_lines: usize,
    /// Bytes of one client's lines that are answered in one turn.
    #[serde(deserialize_with = "positive")]
    pub turn_bytes: usize,

    // Connections of clients.
    /// How long a client may neither send nor be owed anything before its connection is closed.
    #[serde(deserialize_with = "positive_duration")]
    pub idle_client: Duration,
    /// Client connections served at once. The next one is told so and closed gently, unless its address has
    /// fewer than another: then it takes the place of one of the address that has most.
    #[serde(deserialize_with = "positive")]
    pub client_connections: usize,
    /// Connections beyond that which are being closed gently at once. Even further ones are told and closed
    /// without waiting for what they may have sent: else refusing would itself use up the files.
    pub client_refusals: usize,
    /// File descriptors kept free of clients, for links, logs and upstream requests.
    pub spare_files: usize,
    /// Bytes that one client can make the node hold, the kernel's included: answers that it does not read, and lines
    /// that are not answered while it does not. At this bound the node stops reading from it. A high-water mark: the
    /// last answer may pass it by its own length.
    #[serde(deserialize_with = "positive")]
    pub unread_answers: usize,
    /// Bytes of answers that the kernel may hold for one client, as the socket option `SO_SNDBUF` counts them: Linux
    /// takes twice as much, its own overhead included.
    #[serde(deserialize_with = "positive")]
    pub client_send_buffer: u32,
    /// Bytes of input that the kernel may hold for one client, as `SO_RCVBUF` counts them.
    #[serde(deserialize_with = "positive")]
    pub client_receive_buffer: u32,
    /// Clients that may have larger buffers at once: those that send without pause and read their answers.
    pub busy_clients: usize,
    /// Bytes of input that the kernel may hold for such a client, and bytes of answers that the node may.
    #[serde(deserialize_with = "positive")]
    pub busy_buffer: u32,
    /// How long a client may take, or its system acknowledge, none of the answers it is owed before its connection is
    /// closed.
    #[serde(deserialize_with = "positive_duration")]
    pub unread_stall: Duration,
    /// A gentle close stops sending, then discards what still comes in for at most this long, since closing
    /// with unread input would reset the connection before the client reads its last answer.
    #[serde(deserialize_with = "duration")]
    pub linger: Duration,
    /// A gentle close discards at most so many bytes.
    pub linger_bytes: usize,

    // Reports and removals.
    /// How far a client's time may be ahead of this node's clock; `"off"` for no bound. Holds at the node the
    /// client talks to only: a bound on flooded updates would let nodes with different clocks disagree.
    #[serde(deserialize_with = "duration_or_off")]
    pub max_future_skew: Option<Duration>,
    /// Distinct clients this node takes from its own clients. At the bound a new id is an invalid command and
    /// known ids go on. Updates from neighbours are never refused.
    pub distinct_clients: usize,
    /// New client ids taken from one connection in a second; `"off"` for no bound. Beyond it a new id is an invalid
    /// command, and known ids go on.
    #[serde(deserialize_with = "count_or_off")]
    pub new_ids_per_connection: Option<u32>,
    /// New client ids taken from one address in a second, over all its connections; `"off"` for no bound.
    #[serde(deserialize_with = "count_or_off")]
    pub new_ids_per_address: Option<u32>,
    /// Bytes of memory that the process may use; without it, three quarters of those of the machine, or of the process's
    /// control group. Beyond it a new id from a client is an invalid command, and a link on which a neighbour tells of
    /// a new id ends: what it tells is heard when there is room again.
    #[serde(deserialize_with = "positive_bytes")]
    pub memory_bytes: Option<u64>,
    /// Clients that were removed, whether they have reported again or not, up to which this node removes another one.
    /// A removal is remembered for ever. Those that neighbours tell of are never refused.
    pub removed_clients: usize,

    // Questions about places.
    /// WHATSATs asked upstream at once for one connection; its later lines wait.
    #[serde(deserialize_with = "positive")]
    pub whatsat_per_connection: usize,
    /// Requests to the Places service in flight at once.
    #[serde(deserialize_with = "positive")]
    pub whatsat_upstream: usize,
    /// WHATSATs waiting for one of those requests to end; beyond that the answer is `UNKNOWN_ERROR`.
    pub whatsat_waiting: usize,
    /// Time for connecting to the Places service.
    #[serde(deserialize_with = "positive_duration")]
    pub places_connect: Duration,
    /// Time for one WHATSAT's answer from the Places service, waiting included.
    #[serde(deserialize_with = "positive_duration")]
    pub places_total: Duration,
    /// The shortest wait before the one retry of a request to the Places service; the longest is twice that.
    #[serde(deserialize_with = "duration")]
    pub places_retry: Duration,
    /// So many failures in a row, and the Places service is left alone.
    #[serde(deserialize_with = "positive")]
    pub places_failures: u32,
    /// For so long.
    #[serde(deserialize_with = "duration")]
    pub places_pause: Duration,
    /// How long a connection to the Places service is kept without a request. Below the usual minute of proxies, which would
    /// otherwise close it just when it is needed.
    #[serde(deserialize_with = "positive_duration")]
    pub places_idle: Duration,
    /// Requests to a Places service that bills them, in each minute of the wall clock; `"off"` for no bound. Retries count, and
    /// questions that share a request count once. Beyond it the answer is `OVER_QUERY_LIMIT`, and says when to ask again.
    #[serde(deserialize_with = "count_or_off")]
    pub places_per_minute: Option<u32>,
    /// The same in each day of UTC. Google charges about 32 dollars for 1,000 requests: 200 a day are 6.40 dollars at most, for
    /// one node and day. A restarted node counts from 0.
    #[serde(deserialize_with = "count_or_off")]
    pub places_per_day: Option<u32>,
    /// The share of these two that requests for one client address may use, in percent; 100 lets one address use up all. An
    /// IPv6 address counts by its first 64 bits.
    #[serde(deserialize_with = "percent")]
    pub places_address_percent: u32,
    /// Longest text of the Places service that an error repeats, in characters.
    #[serde(deserialize_with = "positive")]
    pub places_message_chars: usize,
    /// Longest usable body of the Places service, in bytes.
    #[serde(deserialize_with = "positive")]
    pub places_body_bytes: usize,
    /// Deepest usable nesting of such a body.
    #[serde(deserialize_with = "positive")]
    pub places_depth: usize,

    // The journal and its disk.
    /// Bytes that a journal may have before it is worth writing anew, which is done when more than half of it is of
    /// no use any more.
    pub journal_bytes: u64,
    /// About how many bytes of updates are handed to the disk at once.
    #[serde(deserialize_with = "positive")]
    pub journal_batch_bytes: usize,
    /// How long the disk may take for one operation before the node says so in its log, its status and `/readyz`.
    #[serde(deserialize_with = "positive_duration")]
    pub disk_patience: Duration,

    // Links.
    /// How often a node says on each link that it lives.
    #[serde(deserialize_with = "positive_duration")]
    pub heartbeat: Duration,
    /// How long a neighbour may be silent before its link is ended.
    #[serde(deserialize_with = "positive_duration")]
    pub link_silence: Duration,
    /// How far a neighbour's wall clock may differ from this node's. Beyond that the node warns and is not
    /// ready, and goes on as before.
    #[serde(deserialize_with = "positive_duration")]
    pub clock_difference: Duration,

    // Dialling neighbours.
    /// The first wait after a failed dial; each further one doubles.
    #[serde(deserialize_with = "positive_duration")]
    pub redial_first: Duration,
    /// The longest wait between dials.
    #[serde(deserialize_with = "positive_duration")]
    pub redial_longest: Duration,
    /// How long a dial waits for the addresses of a neighbour's name. The lookup itself goes on, and the
    /// next dial waits for it, so a resolver that hangs has one lookup of each neighbour at most.
    #[serde(deserialize_with = "positive_duration")]
    pub name_lookup: Duration,
    /// Addresses of a neighbour's name that one dial tries, in the resolver's order.
    #[serde(deserialize_with = "positive")]
    pub dial_addresses: usize,

    // Several processes with one name.
    /// So many times within [`rival_window`](Self::rival_window) an earlier process of a neighbour's name comes back and
    /// takes the link over: then several processes have that name, and the node warns.
    #[serde(deserialize_with = "positive")]
    pub rival_returns: usize,
    /// See [`rival_returns`](Self::rival_returns).
    #[serde(deserialize_with = "positive_duration")]
    pub rival_window: Duration,
    /// How long one of several processes with a neighbour's name keeps the link before another one may take it over.
    #[serde(deserialize_with = "duration")]
    pub rival_pause: Duration,
    /// How often the node warns of them.
    #[serde(deserialize_with = "duration")]
    pub rival_warning: Duration,

    // Lines of links, and connections that are not links yet.
    /// Longest line between nodes, in bytes; a longer one ends the link. At least 4,200, which
    /// the sums of a bulk sync take.
    pub link_line_bytes: usize,
    /// About how many bytes of updates a link writes before it marks them and looks at the clock again.
    #[serde(deserialize_with = "positive")]
    pub link_batch_bytes: usize,
    /// A neighbour that may lack more updates than this compares with the node what both know before anything is said.
    pub bulk_sync: usize,
    /// How long a connection on the link port may take to show its certificate, and then to say hello.
    #[serde(deserialize_with = "positive_duration")]
    pub link_handshake: Duration,
    /// Connections on the link port without a link that is up, at once, until each is closed. The next one takes the
    /// place of one that has sent nothing, the oldest first; those from addresses of neighbours go before all others.
    #[serde(deserialize_with = "positive")]
    pub link_handshakes: usize,

    // The admin port.
    /// Connections on the admin port at once. The next one takes the place of the oldest.
    #[serde(deserialize_with = "positive")]
    pub admin_connections: usize,
    /// How long a connection on the admin port may take to send the head of its next request.
    #[serde(deserialize_with = "positive_duration")]
    pub admin_patience: Duration,

    // The log.
    /// How often a warning that strangers can cause is logged, at most: what repeats meanwhile is counted.
    #[serde(deserialize_with = "duration")]
    pub log_repeat: Duration,
    /// Bytes of log lines that may wait to be written. Lines beyond it are dropped and counted.
    #[serde(deserialize_with = "positive")]
    pub log_backlog_bytes: usize,
    /// How long a process that ends waits until its log has been written.
    #[serde(deserialize_with = "duration")]
    pub log_flush: Duration,
}

impl Limits {
    /// Bytes of answers that the node itself holds for a client before it stops reading from it: half of what the
    /// kernel's buffers, the lines that were read and the connection itself leave of
    /// [`unread_answers`](Self::unread_answers). Half, since a buffer that grows by doubling may take twice as much
    /// memory as is in it.
    pub fn answers_kept(&self) -> usize {
        let send = self.client_send_buffer as usize;
        let receive = self.client_receive_buffer as usize;
        let others = 2 * (send + receive) + receive + CONNECTION;
        (self.unread_answers.saturating_sub(others) / 2).max(1)
    }

    /// What is wrong with these bounds together.
    pub fn contradictions(&self) -> Vec<String> {
        let line = format!("link_line_bytes must be at least {LONGEST_LINE}, or links end over a long line");
        let checks = [
            (
                self.heartbeat >= self.link_silence,
                "heartbeat must be shorter than link_silence, or every link ends for being silent",
            ),
            (self.link_line_bytes < LONGEST_LINE, &line),
            (self.redial_first > self.redial_longest, "redial_first must not be longer than redial_longest"),
        ];
        checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, message)| message.to_owned()).collect()
    }
}

/// Bytes that a connection takes whatever comes on it.
const CONNECTION: usize = 4096;

/// How many lines a read from a client counts as: a read costs about as much time as that many short
/// lines, so a client that sends a line at a time spends its turns too.
pub const READ_AS_LINES: usize = 8;

/// No line between nodes is longer, in bytes: 256 sums of 16 digits, and what is before them, fit. (An AT line has at most 445.)
const LONGEST_LINE: usize = 4_200;
