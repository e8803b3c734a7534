//! Every bound of a node, by name.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// The bounds that keep one client, one neighbour or one slow upstream from harming the rest.
///
/// All are settable in the `[limits]` table of a herd file under the names of these fields; durations are
/// written like `"30s"` or `"2s 500ms"`. What happens at a bound is said at each field.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest client line in bytes, without its line end. A longer one is answered `? ` and its first
    /// [`echo_bytes`](Self::echo_bytes) bytes; then the connection is closed gently.
    pub line_bytes: usize,
    /// How much of an over-long line its answer repeats, in bytes.
    pub echo_bytes: usize,
    /// How long a line may stay begun and unfinished before its connection is closed.
    #[serde(deserialize_with = "duration")]
    pub unfinished_line: Duration,
    /// How long a client may neither send nor be owed anything before its connection is closed.
    #[serde(deserialize_with = "duration")]
    pub idle_client: Duration,
    /// Client connections served at once. The next one is told so and closed gently.
    pub client_connections: usize,
    /// Connections beyond that which are being closed gently at once. Even further ones are told and closed
    /// without waiting for what they may have sent: else refusing would itself use up the files.
    pub client_refusals: usize,
    /// File descriptors kept free of clients, for links, logs and upstream requests.
    pub spare_files: usize,
    /// Bytes of answers held for one client. At this mark the node stops reading from it.
    pub unread_answers: usize,
    /// How long a client may take none of the answers it is owed before its connection is closed.
    #[serde(deserialize_with = "duration")]
    pub unread_stall: Duration,
    /// A gentle close stops sending, then discards what still comes in for at most this long, since closing
    /// with unread input would reset the connection before the client reads its last answer.
    #[serde(deserialize_with = "duration")]
    pub linger: Duration,
    /// A gentle close discards at most so many bytes.
    pub linger_bytes: usize,
    /// How far a client's time may be ahead of this node's clock; `"off"` for no bound. Holds at the node the
    /// client talks to only: a bound on flooded updates would let nodes with different clocks disagree.
    #[serde(deserialize_with = "duration_or_off")]
    pub max_future_skew: Option<Duration>,
    /// Distinct clients this node takes from its own clients. At the bound a new id is an invalid command and
    /// known ids go on. Updates from neighbours are never refused.
    pub distinct_clients: usize,
    /// WHATSATs asked upstream at once for one connection; its later lines wait.
    pub whatsat_per_connection: usize,
    /// Requests to the Places service in flight at once.
    pub whatsat_upstream: usize,
    /// WHATSATs waiting for one of those requests to end; beyond that the answer is `UNKNOWN_ERROR`.
    pub whatsat_waiting: usize,
    /// Time for connecting to the Places service.
    #[serde(deserialize_with = "duration")]
    pub places_connect: Duration,
    /// Time for one WHATSAT's answer from the Places service, waiting included.
    #[serde(deserialize_with = "duration")]
    pub places_total: Duration,
    /// The shortest wait before the one retry of a request to the Places service; the longest is twice that.
    #[serde(deserialize_with = "duration")]
    pub places_retry: Duration,
    /// So many failures in a row, and the Places service is left alone.
    pub places_failures: u32,
    /// For so long.
    #[serde(deserialize_with = "duration")]
    pub places_pause: Duration,
    /// Longest usable body of the Places service, in bytes.
    pub places_body_bytes: usize,
    /// Deepest usable nesting of such a body.
    pub places_depth: usize,
    /// How often a node says on each link that it lives.
    #[serde(deserialize_with = "duration")]
    pub heartbeat: Duration,
    /// How long a neighbour may be silent before its link is ended.
    #[serde(deserialize_with = "duration")]
    pub link_silence: Duration,
    /// The first wait after a failed dial; each further one doubles.
    #[serde(deserialize_with = "duration")]
    pub redial_first: Duration,
    /// The longest wait between dials.
    #[serde(deserialize_with = "duration")]
    pub redial_longest: Duration,
    /// Longest line between nodes, in bytes: an AT line of the longest client line and a mark fit easily.
    pub link_line_bytes: usize,
    /// About how many bytes of updates a link writes before it marks them and looks at the clock again.
    pub link_batch_bytes: usize,
    /// Connections on the link port that have not yet said who they are, at once.
    pub link_handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line_bytes: 4096,
            echo_bytes: 128,
            unfinished_line: Duration::from_secs(30),
            idle_client: Duration::from_secs(10 * 60),
            client_connections: 10_000,
            client_refusals: 16,
            spare_files: 64,
            unread_answers: 64 * 1024,
            unread_stall: Duration::from_secs(10),
            linger: Duration::from_secs(1),
            linger_bytes: 1024 * 1024,
            max_future_skew: Some(Duration::from_secs(24 * 60 * 60)),
            distinct_clients: 1_000_000,
            whatsat_per_connection: 4,
            whatsat_upstream: 64,
            whatsat_waiting: 1024,
            places_connect: Duration::from_secs(2),
            places_total: Duration::from_secs(5),
            places_retry: Duration::from_millis(250),
            places_failures: 5,
            places_pause: Duration::from_secs(5),
            places_body_bytes: 1024 * 1024,
            places_depth: 64,
            heartbeat: Duration::from_millis(500),
            link_silence: Duration::from_millis(2500),
            redial_first: Duration::from_millis(50),
            redial_longest: Duration::from_secs(1),
            link_line_bytes: 8192,
            link_batch_bytes: 64 * 1024,
            link_handshakes: 32,
        }
    }
}

/// Reads a bound that may be switched off: `"off"`, or a duration like `"24h"`.
///
/// # Errors
/// Says what was expected.
pub fn parse_duration_or_off(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" { Ok(None) } else { parse_duration(text).map(Some) }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is no duration like \"30s\" or \"2s 500ms\": {error}"))
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn duration_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parse_duration_or_off(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}
