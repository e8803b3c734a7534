//! `herd-up`: all nodes of a herd, in the foreground or detached.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use herd::telemetry::open_log;
use serde_json::Value;
use strum::{EnumMessage, EnumString, IntoStaticStr, VariantArray};

use super::screen::{Layout, describe};
use crate::cluster::demo_places;
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::is_free;
use crate::cluster::processes::{Environment, INSECURE_LINKS, Processes, Setup};
use crate::cluster::supervisor::{Claim, supervise};
use crate::cluster::workspace::{Profile, herd_binary, run_dir};
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, width};

/// Which herd to start, and how.
#[derive(Clone, Debug, Args)]
pub struct HerdUpArgs {
    /// A herd of fixtures/herds by its name, or any herd file.
    #[arg(long, value_name = "NAME|FILE", default_value = "2015-winter")]
    herd: String,

    /// A generated herd of so many nodes instead.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100), conflicts_with = "herd")]
    nodes: Option<u16>,

    /// The shape of the generated herd.
    #[arg(long, value_name = "SHAPE", requires = "nodes", default_value_t = Graph::Ring, value_parser = variant_of::<Graph>())]
    graph: Graph,

    /// Listen for clients on ports from this one, for links on those behind, and for operators on those behind links,
    /// instead of where the herd file says.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,

    /// Whom the nodes ask for places [default: google when HERD_PLACES_KEY or HERD_PLACES_KEY_FILE is set, else
    /// offline].
    #[arg(long, value_name = "PROVIDER", value_parser = variant_of::<PlacesChoice>())]
    places: Option<PlacesChoice>,

    /// Keep what the nodes know in folders of this one, and start with what is there [default: a folder beside the
    /// logs, emptied first: nodes that are restarted or killed know what they knew, a new herd starts with nothing].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,

    /// Keep what the nodes know in memory only: one that is restarted learns everything from its neighbours.
    #[arg(long, conflicts_with = "data_dir")]
    memory: bool,

    /// Links are plain TCP, for looking at with other tools: whoever reaches a link port can be a neighbour.
    #[arg(long)]
    insecure_links: bool,

    /// Build the nodes for speed.
    #[arg(long)]
    release: bool,

    /// Leave the herd running and return when it is ready.
    #[arg(long)]
    detach: bool,

    /// Supervise, for a herd-up that detaches: the node program that it has built.
    #[arg(long, hide = true, value_name = "PROGRAM")]
    supervise: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
enum PlacesChoice {
    /// Real cities from an embedded table; needs no key and no network.
    Offline,
    /// The harness answers every question with the same invented places.
    Stub,
    /// Google's Places API (New); needs a key.
    Google,
    /// Google's legacy Nearby Search; needs a key.
    GoogleLegacy,
    /// Nobody.
    None,
}

/// Where generated herds listen: the ports of the classroom herds.
const GENERATED_FROM: u16 = 12_480;

/// The line with which a detached supervisor ends what it has to say.
const READY: &str = "ready";

const HOW_TO: &str = "
Talk to a node:  cargo xtask say Alford 'IAMAT kiwi +34.0689-118.4451 1520023934.9'
                 telnet localhost PORT, with a port of ADDRESS
Look at a node:  curl 127.0.0.1:PORT/status, with a port of ADMIN
See also:        cargo xtask herd-status | herd-logs -f | herd-restart | herd-kill
";

impl HerdUpArgs {
    /// Starts the herd. In the foreground this returns when the herd has been stopped.
    ///
    /// # Errors
    /// The herd cannot start, and nothing is left of it.
    pub fn start_herd(self) -> Result<()> {
        if let Some(program) = &self.supervise {
            nix::unistd::setsid().context("cannot leave the terminal")?;
            // A herd-up that was interrupted reads no more: nobody would know of this herd, so it ends.
            return self.supervise(program, |text| {
                writeln!(stdout().lock(), "{text}{READY}")
                    .context("whoever asked for this herd has gone away")
            });
        }
        // Before the build, which takes longer than seeing that it is in vain; then let go for the supervisor.
        drop(Claim::take()?);
        self.file()?;
        let program = herd_binary(if self.release { Profile::Release } else { Profile::Debug })?;
        if self.detach {
            return detach(&program);
        }
        self.supervise(&program, |text| print(&format!("{text}\nCtrl-C stops the herd.\n")))
    }

    fn supervise(&self, program: &Path, say: impl FnOnce(String) -> Result<()>) -> Result<()> {
        // The Places stub answers while the supervisor is busy with its nodes.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(async {
            let claim = Claim::take()?;
            let file = self.file()?;
            check_ports(&file)?;
            let folder = claim.folder_of(&file.herd().name)?;
            let mut setup = Setup {
                data: self.data(&folder)?,
                environment: Environment::Inherited,
                ..Setup::clean(file, program.to_owned(), folder)
            };
            // What nodes say and hear is what a herd is started for, mostly; it can be switched off for speed.
            if env::var_os("HERD_LOG_LEVEL").is_none_or(|level| level.is_empty()) {
                setup.variables.push(("HERD_LOG_LEVEL", Some("debug".into())));
            }
            if self.insecure_links {
                setup.args.push(INSECURE_LINKS.into());
            }
            self.add_places(&mut setup).await?;
            let mut processes = Processes::new(setup)?;
            processes.start_all()?;
            let first = processes.names().into_iter().next().unwrap_or_default();
            let greet = |status: &Value| {
                let herd = status["herd"].as_str().unwrap_or_default();
                let screen = describe(status, Layout::Fitted(width()));
                say(format!("herd {herd}\n\n{screen}{}", HOW_TO.replace("Alford", &first)))
            };
            supervise(claim, processes, greet).await
        })
    }

    fn file(&self) -> Result<HerdFile> {
        let file = match self.nodes {
            Some(nodes) => {
                HerdFile::parse(&self.graph.herd_file(nodes, GENERATED_FROM), "the generated herd")?
            }
            None => HerdFile::find(&self.herd)?,
        };
        self.base_port.map_or_else(|| Ok(file.clone()), |port| file.at_ports(port))?.with_admin_ports()
    }

    /// Where the nodes keep what they know.
    fn data(&self, folder: &Path) -> Result<Option<PathBuf>> {
        if self.memory {
            return Ok(None);
        }
        if let Some(data) = &self.data_dir {
            return Ok(Some(data.clone()));
        }
        let data = folder.join("data");
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot empty {}", data.display()))
            }
            _ => Ok(Some(data)),
        }
    }

    /// Tells the nodes whom to ask, unless the environment and they are to decide. The stub never sees a real key.
    async fn add_places(&self, setup: &mut Setup) -> Result<()> {
        let Some(choice) = self.places else { return Ok(()) };
        let provider = match choice {
            PlacesChoice::Offline => "offline",
            PlacesChoice::Google => "google",
            PlacesChoice::None => "none",
            PlacesChoice::Stub | PlacesChoice::GoogleLegacy => "google-legacy",
        };
        setup.args.extend(["--places", provider].map(Into::into));
        if choice == PlacesChoice::Stub {
            let address = demo_places::start("nearby-20.json").await?;
            setup.args.extend(["--places-url".into(), format!("http://{address}").into()]);
            setup.variables.push(("HERD_PLACES_KEY", Some("key-of-a-stub".into())));
            setup.variables.push(("HERD_PLACES_KEY_FILE", None));
            setup.file = setup.file.with_free_places()?;
        }
        Ok(())
    }
}

/// Starts this same command again as a supervisor that holds nothing of the caller's, and repeats what it says
/// until it is ready.
fn detach(program: &Path) -> Result<()> {
    let folder = run_dir();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let log = folder.join("supervisor.log");
    let stderr = open_log(&log).with_context(|| format!("cannot write {}", log.display()))?;
    stderr.set_len(0).with_context(|| format!("cannot empty {}", log.display()))?;
    let mut command = Command::new(env::current_exe().context("cannot find this program")?);
    // The supervisor writes to a pipe, and its table is for this terminal.
    if let Some(width) = width() {
        command.env("COLUMNS", width.to_string());
    }
    let mut supervisor = command
        .args(env::args_os().skip(1).filter(|argument| argument != "--detach"))
        .arg("--supervise")
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .context("cannot start a supervisor")?;
    let stdout = supervisor.stdout.take().context("the supervisor's output is piped")?;
    let mut said = String::new();
    for line in BufReader::new(stdout).lines() {
        match line.context("cannot read what the supervisor says")? {
            line if line == READY => return print(&format!("{said}Stop it with `cargo xtask herd-down`.\n")),
            line => said += &format!("{line}\n"),
        }
    }
    let status = supervisor.wait().context("cannot wait for the supervisor")?;
    let mut reason = String::new();
    File::open(&log)?.read_to_string(&mut reason)?;
    if reason.trim().is_empty() {
        bail!("the supervisor ended before the herd was ready ({status})");
    }
    bail!("{}", reason.trim().trim_start_matches("error: "))
}

/// Looks for taken ports before any node starts, so that the message can say whose they would have been.
fn check_ports(file: &HerdFile) -> Result<()> {
    for member in &file.herd().members {
        let ports =
            [(Some(member.client), "clients"), (Some(member.link), "links"), (member.admin, "operators")];
        for (address, what) in ports.into_iter().filter_map(|(address, what)| Some((address?, what))) {
            if address.ip().is_loopback() && address.port() != 0 && !is_free(address) {
                bail!(
                    "port {} is taken, and {} wants it for its {what}: choose others with --base-port",
                    address.port(),
                    member.name
                );
            }
        }
    }
    Ok(())
}
