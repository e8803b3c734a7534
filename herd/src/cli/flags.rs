//! The command line: subcommands, and the flags of a node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser};

use herd::node::parse_duration_or_off;
use herd::server::Durability;
use herd::telemetry::{Format, Level};

use super::given::Given;
use super::places_args::PlacesArgs;
use super::tls_args::TlsArgs;
use super::{certs, journal};

/// Runs one node of a server herd.
///
/// Clients send it lines over TCP:
///
///   IAMAT <client-id> <latitude><longitude> <time>    says where a client is
///
///   WHATSAT <client-id> <radius-km> <bound>           asks what is near a client
///
/// When the node is ready it prints one line of JSON with its name and the addresses it listens on. SIGTERM and
/// SIGINT stop it within two seconds, answers in flight delivered; SIGHUP has it reopen its log file and read
/// certificates again.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// How they were given.
    #[arg(skip)]
    pub(super) given: Given,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Check a herd file and the certificates and keys that it names.
    ///
    /// Prints every problem with its line.
    CheckConfig {
        /// The herd file.
        file: PathBuf,
        /// Check the certificates and keys of this node only [default: those of all nodes].
        node: Option<String>,
    },
    /// Looks at a journal: the file in which a node keeps what it knows.
    #[command(subcommand)]
    Journal(journal::Tool),
    /// Makes the certificates by which the nodes of a herd know each other.
    #[command(subcommand)]
    Certs(certs::Tool),
    /// Asks for places once, as a node would, and says in plain words whether that works.
    ///
    /// With Google this is one real request, billed as any other.
    PlacesCheck {
        /// Where to look, in degrees [default: UCLA].
        #[arg(default_value_t = 34.068_930, allow_negative_numbers = true, value_name = "LAT", value_parser = latitude)]
        latitude: f64,
        /// Where to look, in degrees.
        #[arg(default_value_t = -118.445_127, allow_negative_numbers = true, value_name = "LON", value_parser = longitude)]
        longitude: f64,
        /// The herd file whose [places] table counts.
        #[arg(long, env = "HERD_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        places: PlacesArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// Which node of the herd to run, such as Alford.
    #[arg(required = true)]
    pub(super) name: Option<String>,

    /// The herd file [default: the built-in herd of Alford, Bolden, Hamilton, Parker and Powell].
    #[arg(long, env = "HERD_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Where to listen for clients, instead of where the herd file says.
    #[arg(long, env = "HERD_CLIENT_ADDRESS", value_name = "IP:PORT")]
    pub(super) client_address: Option<SocketAddr>,

    /// Where to listen for neighbours, instead of where the herd file says.
    #[arg(long, env = "HERD_LINK_ADDRESS", value_name = "IP:PORT")]
    pub(super) link_address: Option<SocketAddr>,

    /// Where to listen for operators, instead of where the herd file says: HTTP with /healthz, /readyz, /status and
    /// /metrics, on loopback only.
    #[arg(long, env = "HERD_ADMIN_ADDRESS", value_name = "IP:PORT")]
    pub(super) admin_address: Option<SocketAddr>,

    /// Allows to remove clients on the admin port, to those who have the token in this file: at least 16 visible ASCII
    /// characters. Only its owner may be able to read the file.
    #[arg(long, env = "HERD_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub(super) admin_token_file: Option<PathBuf>,

    /// How far a client's time may be ahead of this node's clock, such as "24h", or "off".
    #[arg(long, env = "HERD_MAX_FUTURE_SKEW", value_name = "DURATION", value_parser = parse_skew)]
    pub(super) max_future_skew: Option<Skew>,

    /// How many threads serve clients [default: 1 on a machine of fewer than 4 cores, else one a core].
    #[arg(long, env = "HERD_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: Option<u16>,

    /// Keeps what the node knows in this folder, and reads it back at the next start. Each node needs its own.
    #[arg(long, env = "HERD_DATA_DIR", value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,

    /// When an update is on disk [default: everysec with a data folder, else off].
    #[arg(long, env = "HERD_DURABILITY", value_name = "WHEN")]
    pub(super) durability: Option<Durability>,

    /// Closes clients' connections instead of answering while the disk fails; otherwise the node serves on, and says so
    /// in its log.
    #[arg(long, env = "HERD_STRICT_DURABILITY", value_parser = BoolishValueParser::new())]
    pub(super) strict_durability: bool,

    #[command(flatten)]
    pub(super) tls: TlsArgs,

    #[command(flatten)]
    pub(super) places: PlacesArgs,

    /// Appends the log to this file instead of writing it to standard error.
    #[arg(long, env = "HERD_LOG_FILE", value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,

    /// How much to log; debug logs every line received and answered, trace heartbeats too.
    #[arg(long, env = "HERD_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: Level,

    /// How to write the log.
    #[arg(long, env = "HERD_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: Format,

    /// Stops the node when its standard input ends, for programs that start nodes.
    #[arg(long, env = "HERD_STOP_WITH_STDIN", value_parser = BoolishValueParser::new())]
    pub(super) stop_with_stdin: bool,
}

/// A bound that may be off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skew(pub(super) Option<Duration>);

fn parse_skew(text: &str) -> Result<Skew, String> {
    parse_duration_or_off(text).map(Skew)
}

fn latitude(text: &str) -> Result<f64, String> {
    degrees(text, 90.0).ok_or_else(|| "a latitude is a number of degrees from -90 to 90".to_owned())
}

fn longitude(text: &str) -> Result<f64, String> {
    degrees(text, 180.0).ok_or_else(|| "a longitude is a number of degrees from -180 to 180".to_owned())
}

/// A number between `-most` and `most`. `NaN` is not between them.
fn degrees(text: &str, most: f64) -> Option<f64> {
    text.parse().ok().filter(|degrees| (-most..=most).contains(degrees))
}
