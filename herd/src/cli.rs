//! The command line: flags override environment variables, which override the herd file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser};

use herd::config::{Herd, Member};
use herd::nearest::did_you_mean;
use herd::node::parse_duration_or_off;
use herd::places::Provider;
use herd::server::{Admin, AdminToken, Durability};
use herd::telemetry::{Format, Level};
use herd::tls::Encryption;

use crate::arguments::{Given, unknown_variables};
use crate::places_args::PlacesArgs;
use crate::tls_args::TlsArgs;
use crate::{certs_tool, journal_tool};

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
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Subcommand>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// How they were given.
    #[arg(skip)]
    pub(crate) given: Given,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
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
    Journal(journal_tool::Tool),
    /// Makes the certificates by which the nodes of a herd know each other.
    #[command(subcommand)]
    Certs(certs_tool::Tool),
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
pub(crate) struct NodeArgs {
    /// Which node of the herd to run, such as Alford.
    #[arg(required = true)]
    name: Option<String>,

    /// The herd file [default: the built-in herd of Alford, Bolden, Hamilton, Parker and Powell].
    #[arg(long, env = "HERD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to listen for clients, instead of where the herd file says.
    #[arg(long, env = "HERD_CLIENT_ADDRESS", value_name = "IP:PORT")]
    client_address: Option<SocketAddr>,

    /// Where to listen for neighbours, instead of where the herd file says.
    #[arg(long, env = "HERD_LINK_ADDRESS", value_name = "IP:PORT")]
    link_address: Option<SocketAddr>,

    /// Where to listen for operators, instead of where the herd file says: HTTP with /healthz, /readyz, /status and
    /// /metrics, on loopback only.
    #[arg(long, env = "HERD_ADMIN_ADDRESS", value_name = "IP:PORT")]
    admin_address: Option<SocketAddr>,

    /// Allows to remove clients on the admin port, to those who have the token in this file: at least 16 visible ASCII
    /// characters. Only its owner may be able to read the file.
    #[arg(long, env = "HERD_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,

    /// How far a client's time may be ahead of this node's clock, such as "24h", or "off".
    #[arg(long, env = "HERD_MAX_FUTURE_SKEW", value_name = "DURATION", value_parser = parse_skew)]
    max_future_skew: Option<Skew>,

    /// How many threads serve clients [default: 1 on a machine of fewer than 4 cores, else one a core].
    #[arg(long, env = "HERD_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,

    /// Keeps what the node knows in this folder, and reads it back at the next start. Each node needs its own.
    #[arg(long, env = "HERD_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,

    /// When an update is on disk [default: everysec with a data folder, else off].
    #[arg(long, env = "HERD_DURABILITY", value_name = "WHEN")]
    durability: Option<Durability>,

    /// Closes clients' connections instead of answering while the disk fails; otherwise the node serves on, and says so
    /// in its log.
    #[arg(long, env = "HERD_STRICT_DURABILITY", value_parser = BoolishValueParser::new())]
    strict_durability: bool,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    places: PlacesArgs,

    /// Appends the log to this file instead of writing it to standard error.
    #[arg(long, env = "HERD_LOG_FILE", value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// How much to log; debug logs every line received and answered, trace heartbeats too.
    #[arg(long, env = "HERD_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    log_level: Level,

    /// How to write the log.
    #[arg(long, env = "HERD_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: Format,

    /// Stops the node when its standard input ends, for programs that start nodes.
    #[arg(long, env = "HERD_STOP_WITH_STDIN", value_parser = BoolishValueParser::new())]
    pub(crate) stop_with_stdin: bool,
}

/// A bound that may be off.
#[derive(Clone, Copy, Debug)]
struct Skew(Option<Duration>);

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

/// What was asked for cannot be understood: nothing has been started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Where what a node knows is kept, and how.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) folder: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) strict: bool,
}

/// Everything a node needs to start, from all sources.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) herd: Herd,
    pub(crate) member: Member,
    pub(crate) threads: usize,
    pub(crate) storage: Option<Storage>,
    pub(crate) provider: Provider,
    pub(crate) encryption: Encryption,
    pub(crate) admin: Option<Admin>,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) log_level: Level,
    pub(crate) log_format: Format,
}

impl Cli {
    /// Puts flags, environment and herd file together.
    ///
    /// # Errors
    /// [`Usage`] where one of them is wrong.
    pub(crate) fn plan(&self) -> anyhow::Result<Plan> {
        let (args, given) = (&self.node, &self.given);
        let mut herd = given.blame(&["config"], read(args.config.as_deref()))?;
        if let Some(Skew(skew)) = args.max_future_skew {
            herd.limits.max_future_skew = skew;
        }
        let name = args.name.as_deref().unwrap_or_default();
        let mut member = herd.member(name).cloned().ok_or_else(|| no_such_node(&herd, name))?;
        member.client = args.client_address.unwrap_or(member.client);
        member.link = args.link_address.unwrap_or(member.link);
        Ok(Plan {
            threads: args.threads.map_or_else(default_threads, usize::from),
            storage: args.storage(given)?,
            provider: args.places.provider(&herd, given)?,
            encryption: args.tls.encryption(&herd, &member, given)?,
            admin: args.admin(given, &herd, &member)?,
            member,
            herd,
            log_file: args.log_file.clone(),
            log_level: args.log_level,
            log_format: args.log_format,
        })
    }
}

impl NodeArgs {
    /// # Errors
    /// [`Usage`] where there is a token and no port, or the token's file cannot be used.
    fn admin(&self, given: &Given, herd: &Herd, member: &Member) -> anyhow::Result<Option<Admin>> {
        let token = self.admin_token_file.as_deref().map(AdminToken::read).transpose().map_err(Usage);
        let token = given.blame(&["admin_token_file"], token)?;
        match (self.admin_address.or(member.admin), token) {
            (Some(address), token) => Ok(Some(Admin { address, token, hosts: herd.admin.hosts.clone() })),
            (None, Some(_)) => {
                let [file, address] = ["admin_token_file", "admin_address"].map(|id| given.name(id));
                Err(Usage(format!("{file} is about the admin port: add {address} IP:PORT, or `admin` to the node's table in the herd file")).into())
            }
            (None, None) => Ok(None),
        }
    }

    /// # Errors
    /// [`Usage`] where one argument takes back what another says.
    fn storage(&self, given: &Given) -> Result<Option<Storage>, Usage> {
        let strict = self.strict_durability;
        match (&self.data_dir, self.durability) {
            (Some(_), Some(Durability::Off)) => {
                let off = given.name_value("durability", "off");
                Err(Usage(format!("{off} keeps nothing: leave out {}", given.name("data_dir"))))
            }
            (Some(folder), durability) => {
                let durability = durability.unwrap_or(Durability::Everysec);
                Ok(Some(Storage { folder: folder.clone(), durability, strict }))
            }
            (None, Some(Durability::Everysec | Durability::Always)) => {
                let durability = given.name("durability");
                Err(Usage(format!("{durability} needs a folder to keep things in: add --data-dir FOLDER")))
            }
            (None, _) if strict => {
                let strict = given.name("strict_durability");
                Err(Usage(format!("{strict} is about a disk: add --data-dir FOLDER")))
            }
            (None, _) => Ok(None),
        }
    }
}

/// Where cores are few the nodes of a herd and their clients need them all; where they are many, one thread would
/// leave most of them idle.
fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 4 { 1 } else { cores }
}

fn no_such_node(herd: &Herd, name: &str) -> Usage {
    let names: Vec<&str> = herd.members.iter().map(|member| member.name.as_str()).collect();
    let hint = did_you_mean(name, names.iter().copied());
    Usage(format!(
        "no node of the herd {} is called {name}: its nodes are {}{hint}",
        herd.name,
        names.join(", ")
    ))
}

/// Says on standard output that a herd file is fine, with warnings.
///
/// # Errors
/// [`Usage`] with everything that is wrong with it, and with the files that it names for `node` or for all.
pub(crate) fn check_config(file: &Path, node: Option<&str>) -> anyhow::Result<()> {
    use std::io::Write;
    let herd = Herd::check(file, node).map_err(|error| Usage(error.to_string()))?;
    if let Some(name) = node.filter(|name| herd.member(name).is_none()) {
        return Err(no_such_node(&herd, name).into());
    }
    let edges = herd.members.iter().map(|member| member.neighbours.len()).sum::<usize>() / 2;
    let mut text = format!(
        "{}: herd {}, {} nodes, {edges} edges: fine\n",
        file.display(),
        herd.name,
        herd.members.len()
    );
    for warning in herd.warnings().into_iter().chain(herd.lacks_certificates()) {
        text += &format!("{}: warning: {warning}\n", file.display());
    }
    for warning in unknown_variables() {
        text += &format!("warning: {warning}\n");
    }
    // Nobody need be reading: the exit code says it too.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// Reads a herd file, or the built-in one.
pub(crate) fn read(file: Option<&Path>) -> Result<Herd, Usage> {
    file.map_or_else(Herd::built_in, Herd::read).map_err(|error| Usage(error.to_string()))
}
