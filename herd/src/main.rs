//! `herd`: runs one node of a server herd.

mod arguments;
mod certs_tool;
mod cli;
mod journal_tool;
mod places_args;
mod places_check;
mod service_manager;
mod tls_args;
mod upkeep;

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use arguments::Given;
use cli::{Cli, Storage, Subcommand, Usage};
use herd::node::{Lives, Node};
use herd::places::Places;
use herd::printable::lines;
use herd::server::{Addresses, Server, Store};
use herd::telemetry;
use places_args::PlacesArgs;
use service_manager::ServiceManager;

/// How long a node that is told to stop still waits for its data folder to be opened: what is wrong with that is worth
/// an error, unless the disk hangs.
const OPENING: Duration = Duration::from_secs(1);

/// A process whose node hangs ends this long after its standard input has ended.
const LAST_RESORT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = arguments::parse().unwrap_or_else(|error| refuse(&error));
    let result = match &cli.command {
        Some(Subcommand::CheckConfig { file, node }) => cli::check_config(file, node.as_deref()),
        Some(Subcommand::Journal(tool)) => tool.run(),
        Some(Subcommand::Certs(tool)) => tool.run(),
        Some(Subcommand::PlacesCheck { latitude, longitude, config, places }) => {
            check_places(&cli.given, config.as_deref(), places, *latitude, *longitude)
        }
        None => block_on(run(&cli)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`, which panics when nobody reads.
            let _ = writeln!(std::io::stderr(), "error: {}", lines(format!("{error:#}").as_bytes()));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Ends with what is wrong with the arguments, of which a terminal obeys nothing; or with the help that was asked for.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() {
        let _ = write!(std::io::stderr(), "{}", lines(error.render().to_string().as_bytes()));
        std::process::exit(error.exit_code());
    }
    error.exit()
}

fn check_places(
    given: &Given,
    config: Option<&Path>,
    args: &PlacesArgs,
    latitude: f64,
    longitude: f64,
) -> anyhow::Result<()> {
    let herd = given.blame(&["config"], cli::read(config))?;
    let provider = args.provider(&herd, given)?;
    if provider.holds_key() {
        forbid_core_dumps()?;
    }
    block_on(places_check::run(provider, &herd.limits, latitude, longitude))
}

/// Runs to the end, and not longer: a name that is still being looked up, in a thread that cannot be cancelled,
/// is not waited for.
fn block_on(main: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(main);
    runtime.shutdown_background();
    result
}

async fn run(cli: &Cli) -> anyhow::Result<()> {
    let plan = cli.plan()?;
    if plan.provider.holds_key() || plan.encryption.links.is_some() || plan.encryption.clients.is_some() {
        forbid_core_dumps()?;
    }
    let log = plan.log_file.as_deref();
    let log_file = telemetry::start(log, plan.log_level, plan.log_format)
        .with_context(|| format!("cannot open the log file {}", log.unwrap_or("".as_ref()).display()));
    let log_file = cli.given.blame(&["log_file"], log_file)?;
    for warning in plan.herd.warnings().into_iter().chain(arguments::unknown_variables()) {
        tracing::warn!("{warning}");
    }
    let encryption = Arc::new(plan.encryption);
    if encryption.clients.is_none() && !plan.member.client.ip().is_loopback() {
        tracing::warn!(
            address = %plan.member.client,
            "clients are served in plain text, and not on this machine alone: whoever reaches this address can report any location"
        );
    }
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone()).context("cannot listen for signals")?;
    let hangups = upkeep::hangups().context("cannot listen for signals")?;
    if cli.node.stop_with_stdin {
        stop_with_stdin(stop.clone());
    }

    let mut limits = plan.herd.limits.clone();
    limits.client_connections =
        limits.client_connections.min(most_files().saturating_sub(limits.spare_files));
    let places = Places::new(plan.provider, &limits);
    let lives = Lives { epoch: random()?.max(1), incarnation: random()? };
    let node = Node::new(&plan.member.name, &plan.member.neighbours, limits, lives);
    let Some(store) = open_store(node, plan.storage, &stop, &cli.given).await? else { return Ok(()) };
    let server = Server::bind(
        &plan.member,
        plan.admin,
        plan.threads,
        store,
        places,
        Arc::clone(&encryption),
        stop.clone(),
    )
    .await?;
    let Addresses { client, link, admin } = server.addresses().context("cannot tell the addresses bound")?;
    let ready =
        serde_json::json!({ "name": plan.member.name, "client": client, "link": link, "admin": admin });
    // Whoever started this node need not be listening.
    let _ = writeln!(std::io::stdout(), "{ready}");
    let manager = ServiceManager::of_environment();
    manager.ready(format!("listening for clients on {client}, for neighbours on {link}")).await;
    tokio::spawn(upkeep::run(hangups, log_file, encryption, manager));
    tokio::spawn(manager.watch(server.pulse()));
    let stopping = tokio::spawn(async move {
        stop.cancelled().await;
        manager.stopping().await;
    });

    let neighbours = plan.member.neighbours.iter().filter_map(|name| plan.herd.member(name));
    server.run(neighbours.map(|member| (member.name.clone(), member.dialled()))).await;
    let _ = stopping.await;
    Ok(())
}

/// Opens the data folder, if there is one, and reads what it holds. `None` if the node is told to stop
/// while the disk hangs.
async fn open_store(
    node: Node,
    storage: Option<Storage>,
    stop: &CancellationToken,
    given: &Given,
) -> anyhow::Result<Option<Store>> {
    let Some(Storage { folder, durability, strict }) = storage else {
        return Ok(Some(Store::in_memory(node)));
    };
    let fresh_epoch = || getrandom::u64().expect("the system gave random numbers before");
    let path = folder.clone();
    // In a thread, so that a node whose disk hangs can be stopped.
    let opening =
        tokio::task::spawn_blocking(move || Store::open(node, &path, durability, strict, fresh_epoch));
    let hangs = async {
        stop.cancelled().await;
        tokio::time::sleep(OPENING).await;
    };
    let opened = tokio::select! {
        opened = opening => opened,
        () = hangs => return Ok(None),
    };
    let store = opened?.with_context(|| format!("cannot use the data folder {}", folder.display()));
    given.blame(&["data_dir"], store).map(Some)
}

/// Stops the node at SIGTERM and SIGINT alike.
fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Once listened to, it never ends the process again: that a file may not grow is an error of its write.
    let _ = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Stops the node when standard input ends, and the process even if the node hangs: whoever holds the other
/// end of a pipe takes the node along, however it dies. A thread, since reading standard input cannot be
/// cancelled.
fn stop_with_stdin(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut discarded = [0; 256];
        let mut stdin = std::io::stdin().lock();
        while !matches!(stdin.read(&mut discarded), Ok(0) | Err(_)) {}
        stop.cancel();
        std::thread::sleep(LAST_RESORT);
        std::process::exit(1);
    });
}

/// Keeps the keys in this process's memory off the disk, should it crash.
fn forbid_core_dumps() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("cannot forbid core dumps, which would hold keys")
}

/// Raises the soft limit of open files to the hard one, and says what it is now.
fn most_files() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let most = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(most).unwrap_or(usize::MAX)
}

fn random() -> anyhow::Result<u64> {
    getrandom::u64().context("the system gives no random numbers")
}
