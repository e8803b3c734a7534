//! The command line: subcommands, and the flags of a node.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};
use clap_complete::Shell;

use herd::node::parse_duration_or_off;
use herd::server::Durability;
use herd::telemetry::{Format, Level};

use super::check::CheckArgs;
use super::config_init::InitArgs;
use super::dashboard::DashboardArgs;
use super::doctor::DoctorArgs;
use super::given::Given;
use super::places_args::PlacesArgs;
use super::probe::ProbeArgs;
use super::say::SayArgs;
use super::tls_args::TlsArgs;
use super::values::{Skew, latitude, longitude, socket_address, switch, threads};
use super::{certs, journal, places};

/// Run one node of a server herd
///
/// Clients send it lines over TCP:
///
///   IAMAT <client-id> <latitude><longitude> <time>    report where a client is
///
///   WHATSAT <client-id> <radius-km> <bound>           ask which places are near a client
///
/// Once the node is ready, it prints one line of JSON with its name and the addresses it listens
/// on. SIGTERM and SIGINT stop it within two seconds, after it has delivered the answers in flight.
/// SIGHUP makes it reopen its log file and reload its certificates and its places. SIGUSR1 makes it
/// log every line that it receives and answers (`--log-level debug`), or stop doing so.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// The arguments that came from environment variables.
    #[arg(skip)]
    pub(super) given: Given,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Check a herd file and the certificates and keys that it names
    ///
    /// Prints every problem with its file and line; exits with 2 if there is one.
    CheckConfig {
        /// The herd file
        file: PathBuf,
        /// Check the certificates and keys of this node only [default: those of all nodes]
        node: Option<String>,
    },
    /// Look at what usually goes wrong around a node, and say what to do
    ///
    /// Looks at its ports and neighbours, the clock, certificates, the disk and the journal, and
    /// the memory and open files that it may use. The node may run meanwhile. Run it as the user
    /// of the node; exits with 1 if there is a problem.
    Doctor(DoctorArgs),
    /// Ask a node whether it is ready; exit 1 if it is not
    Probe(ProbeArgs),
    /// Send lines to nodes as a client, and print their answers
    ///
    /// Lines come from the arguments, else from standard input; on a terminal from a prompt, which
    /// completes verbs and keeps what was typed until it ends. A hint on standard error says why a
    /// line was refused, as far as the line shows it.
    Say(SayArgs),
    /// Check from anywhere that a node answers clients, for monitoring
    ///
    /// Connects to the client port, and sends the line `herd check`, which the node refuses without
    /// a look at its records. Only its counters of connections and refused lines grow.
    ///
    /// Prints one line as monitoring plugins do, and exits with 0 (OK), 1 (warning: slow), 2
    /// (critical: slower still, or no right answer) or 3 (unknown: the check itself cannot run).
    ///
    /// `herd probe` asks another question, on the admin port of the same machine: whether the node
    /// is ready, with a neighbour, a disk that works, and room for clients.
    Check(CheckArgs),
    /// Write a herd file to start from
    #[command(subcommand)]
    Config(ConfigTool),
    /// Inspect a journal, the file in which a node keeps its records
    #[command(subcommand)]
    Journal(journal::Tool),
    /// Copy a node's records to a file, also while the node runs
    ///
    /// The copy is a journal. A node that starts with it gets from its neighbours what it lacks.
    Backup {
        /// The data folder of the node
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// The new file
        #[arg(value_name = "FILE")]
        copy: PathBuf,
    },
    /// Put a copy of records into an empty data folder, before its node starts
    Restore {
        /// The copy that `herd backup` made
        #[arg(value_name = "FILE")]
        copy: PathBuf,
        /// The data folder of the node, which is created if it is missing
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Make and show the certificates by which the nodes of a herd recognise each other
    #[command(subcommand)]
    Certs(certs::Tool),
    /// Show a herd in a browser, live
    ///
    /// Watches the admin ports of the nodes, which must be on this machine or reached through
    /// tunnels. Prints the address of the page.
    Dashboard(DashboardArgs),
    /// Show which nodes hold which shards
    ///
    /// Asks all nodes on the backbone, and waits one second for their answers. Exits with 1 if no
    /// node has all clients of some shard.
    Shards {
        /// Take the servers of the backbone from this herd file
        #[arg(long, visible_alias = "herd", env = "HERD_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make and inspect files of places from OpenStreetMap
    #[command(subcommand)]
    Places(places::Tool),
    /// Make one places request, as a node would, and report whether it works
    ///
    /// With Google this is a real request, billed like any other.
    PlacesCheck {
        /// Latitude of the point to search around, in degrees [default: that of UCLA]
        #[arg(default_value_t = 34.068_930, allow_negative_numbers = true, value_name = "LAT", value_parser = latitude)]
        latitude: f64,
        /// Longitude of the point to search around, in degrees [default: that of UCLA]
        #[arg(default_value_t = -118.445_127, allow_negative_numbers = true, value_name = "LON", value_parser = longitude)]
        longitude: f64,
        /// Use the [places] table of this herd file
        #[arg(long, visible_alias = "herd", env = "HERD_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        places: PlacesArgs,
    },
    /// Print the script by which a shell completes commands and flags
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands to a folder
    Man {
        /// The folder, which is created if it is missing
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// The subcommands of `herd config`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigTool {
    /// Write a commented herd file for nodes on some hosts
    ///
    /// Each node is linked with the next two and the two before it, so that up to five are all
    /// linked with each other.
    Init(InitArgs),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Herd and addresses")]
pub(super) struct NodeArgs {
    /// The node of the herd to run, such as Alford
    #[arg(required = true, value_name = "NODE", help_heading = None::<&str>)]
    pub(super) name: Option<String>,

    /// Read the herd from this file [default: the built-in herd of Alford, Bolden, Hamilton, Parker
    /// and Powell]
    #[arg(long, visible_alias = "herd", env = "HERD_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Listen for clients on this address [default: the node's `client` in the herd file]
    #[arg(long, env = "HERD_CLIENT_ADDRESS", value_name = "IP:PORT", value_parser = socket_address)]
    pub(super) client_address: Option<SocketAddr>,

    /// Listen for neighbours on this address [default: the node's `link` in the herd file]
    #[arg(long, env = "HERD_LINK_ADDRESS", value_name = "IP:PORT", value_parser = socket_address)]
    pub(super) link_address: Option<SocketAddr>,

    /// Serve HTTP with /healthz, /readyz, /status, /metrics, /events and /clients on this loopback
    /// address [default: the node's `admin` in the herd file]
    #[arg(long, env = "HERD_ADMIN_ADDRESS", value_name = "IP:PORT", value_parser = socket_address)]
    pub(super) admin_address: Option<SocketAddr>,

    /// Serve /metrics alone on this address, which other machines may reach [default: the node's
    /// `metrics` in the herd file]
    #[arg(long, env = "HERD_METRICS_ADDRESS", value_name = "IP:PORT", value_parser = socket_address)]
    pub(super) metrics_address: Option<SocketAddr>,

    /// Let operators remove clients on the admin port with the token in this file
    ///
    /// The token is at least 16 visible ASCII characters. The file must be readable by its owner
    /// only.
    #[arg(long, env = "HERD_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub(super) admin_token_file: Option<PathBuf>,

    /// Reject reports whose time is further ahead of this node's clock, such as "24h"; "off"
    /// accepts all [default: max_future_skew in the herd file]
    #[arg(
        long,
        help_heading = "Clients",
        env = "HERD_MAX_FUTURE_SKEW",
        value_name = "DURATION",
        value_parser = |text: &str| parse_duration_or_off(text).map(Skew)
    )]
    pub(super) max_future_skew: Option<Skew>,

    #[command(flatten)]
    pub(super) tls: TlsArgs,

    /// Keep records in this folder and replay them at the next start; each node needs its own
    #[arg(long, help_heading = "Durability", env = "HERD_DATA_DIR", value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,

    /// When to write an update to disk [default: everysec with --data-dir, else off]
    #[arg(long, help_heading = "Durability", env = "HERD_DURABILITY", value_name = "WHEN")]
    pub(super) durability: Option<Durability>,

    /// Close client connections without an answer while the disk fails, or the backbone if answers
    /// wait for it [default: keep serving, and log the failure]
    #[arg(long, help_heading = "Durability", env = "HERD_STRICT_DURABILITY", value_parser = switch)]
    pub(super) strict_durability: bool,

    #[command(flatten)]
    pub(super) places: PlacesArgs,

    /// Append the log to this file [default: write it to standard error]
    #[arg(long, help_heading = "Log", env = "HERD_LOG_FILE", value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,

    /// Log events of this level and above
    #[arg(long, help_heading = "Log", env = "HERD_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: Level,

    /// Format of the log
    #[arg(
        long,
        help_heading = "Log",
        env = "HERD_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(super) log_format: Format,

    /// Serve clients with this number of threads [default: 1 if the machine has fewer than 4 cores,
    /// else one per core]
    #[arg(long, help_heading = "Process", env = "HERD_THREADS", value_name = "N", value_parser = threads)]
    pub(super) threads: Option<u16>,

    /// Stop when standard input ends, for programs that start nodes
    #[arg(long, help_heading = "Process", env = "HERD_STOP_WITH_STDIN", value_parser = switch)]
    pub(super) stop_with_stdin: bool,
}
