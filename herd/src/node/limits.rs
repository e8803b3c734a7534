//! Every bound of a node, by name.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// The bounds that keep one client, one neighbour or one slow upstream from harming the rest.
///
/// All are settable in the `[limits]` table of a herd file under the names of these fields; durations are
/// written like `"30s"` or `"2s 500ms"`, and are at most 100 years. What happens at a bound is said at each field.
/// Those without which nothing would work cannot be 0.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest client line in bytes, without its line end. A longer one is answered `? ` and its first
    /// [`echo_bytes`](Self::echo_bytes) bytes; then the connection is closed gently.
    #[serde(deserialize_with = "positive")]
    pub line_bytes: usize,
    /// How much of an over-long line its answer repeats, in bytes.
    pub echo_bytes: usize,
    /// How long a line may stay begun and unfinished before its connection is closed.
    #[serde(deserialize_with = "positive_duration")]
    pub unfinished_line: Duration,
    /// How long a client may neither send nor be owed anything before its connection is closed.
    #[serde(deserialize_with = "positive_duration")]
    pub idle_client: Duration,
    /// Client connections served at once. The next one is told so and closed gently.
    #[serde(deserialize_with = "positive")]
    pub client_connections: usize,
    /// Connections beyond that which are being closed gently at once. Even further ones are told and closed
    /// without waiting for what they may have sent: else refusing would itself use up the files.
    pub client_refusals: usize,
    /// File descriptors kept free of clients, for links, logs and upstream requests.
    pub spare_files: usize,
    /// Bytes of answers held for one client at which the node stops reading from it. A high-water mark: the last
    /// answer may pass it by its own length.
    #[serde(deserialize_with = "positive")]
    pub unread_answers: usize,
    /// How long a client may take none of the answers it is owed before its connection is closed.
    #[serde(deserialize_with = "positive_duration")]
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
    /// Longest usable body of the Places service, in bytes.
    #[serde(deserialize_with = "positive")]
    pub places_body_bytes: usize,
    /// Deepest usable nesting of such a body.
    #[serde(deserialize_with = "positive")]
    pub places_depth: usize,
    /// Bytes that a journal may have before it is worth writing anew, which is done when more than half of it is of
    /// no use any more.
    pub journal_bytes: u64,
    /// About how many bytes of updates are handed to the disk at once.
    #[serde(deserialize_with = "positive")]
    pub journal_batch_bytes: usize,
    /// How long the disk may take for one operation before the node says so in its log, its status and `/readyz`.
    #[serde(deserialize_with = "positive_duration")]
    pub disk_patience: Duration,
    /// How often a node says on each link that it lives.
    #[serde(deserialize_with = "positive_duration")]
    pub heartbeat: Duration,
    /// How long a neighbour may be silent before its link is ended.
    #[serde(deserialize_with = "positive_duration")]
    pub link_silence: Duration,
    /// The first wait after a failed dial; each further one doubles.
    #[serde(deserialize_with = "positive_duration")]
    pub redial_first: Duration,
    /// The longest wait between dials.
    #[serde(deserialize_with = "positive_duration")]
    pub redial_longest: Duration,
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
    /// Connections on the link port without a link that is up, at once, until each is closed; more are closed at once.
    #[serde(deserialize_with = "positive")]
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
            journal_bytes: 64 * 1024 * 1024,
            journal_batch_bytes: 256 * 1024,
            disk_patience: Duration::from_secs(1),
            heartbeat: Duration::from_millis(500),
            link_silence: Duration::from_millis(2500),
            redial_first: Duration::from_millis(50),
            redial_longest: Duration::from_secs(1),
            link_line_bytes: 8192,
            link_batch_bytes: 64 * 1024,
            bulk_sync: 4096,
            link_handshake: Duration::from_secs(2),
            link_handshakes: 32,
        }
    }
}

impl Limits {
    /// What is wrong with these bounds together, if anything.
    pub fn contradiction(&self) -> Option<String> {
        if self.heartbeat >= self.link_silence {
            return Some(
                "heartbeat must be shorter than link_silence, or every link ends for being silent".to_owned(),
            );
        }
        if self.link_line_bytes < LONGEST_LINE {
            return Some(format!(
                "link_line_bytes must be at least {LONGEST_LINE}, or links end over a long line"
            ));
        }
        if self.redial_first > self.redial_longest {
            return Some("redial_first must not be longer than redial_longest".to_owned());
        }
        None
    }
}

/// No line between nodes is longer, in bytes: 256 sums of 16 digits, and what is before them, fit. (An AT line has at most 512.)
const LONGEST_LINE: usize = 4_200;

/// Reads a bound that may be switched off: `"off"`, or a duration like `"24h"`.
///
/// # Errors
/// Says what was expected.
pub fn parse_duration_or_off(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" { Ok(None) } else { parse_duration(text).map(Some) }
}

/// Long enough for "never", short enough to be added to any clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is no duration like \"30s\" or \"2s 500ms\": {error}"))?;
    if parsed > LONGEST {
        return Err(format!("`{text}` is too long: at most 100 years"));
    }
    Ok(parsed)
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn positive_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    above_zero(duration(from)?)
}

fn positive<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default + PartialEq>(
    from: D,
) -> Result<T, D::Error> {
    above_zero(T::deserialize(from)?)
}

fn above_zero<T: Default + PartialEq, E: serde::de::Error>(value: T) -> Result<T, E> {
    if value == T::default() { Err(E::custom("this bound cannot be 0")) } else { Ok(value) }
}

fn duration_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parse_duration_or_off(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}
