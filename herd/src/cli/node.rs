//! One run of a node, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use herd::backbone;
use herd::journal::Progress;
use herd::node::{Lives, Node};
use herd::places::osm::{Osm, Summary};
use herd::places::{Places, Provider};
use herd::server::{Addresses, Server, Store};
use herd::telemetry;
use herd::traces::Traces;

use super::environment::unknown_variables;
use super::flags::Cli;
use super::given::Given;
use super::plan::{Plan, Storage};
use super::print::print;
use super::replay_progress::report_progress;
use super::resources::{forbid_core_dumps, raise_open_files, random};
use super::service_manager::ServiceManager;
use super::stop::{stop_on_signals, stop_with_stdin};
use super::upkeep;
use super::usage::Usage;

/// The time that a node keeps opening its data folder after a stop signal: long enough to report an
/// error of the folder, and short if the disk hangs.
const OPENING: Duration = Duration::from_secs(1);

/// Runs a node until a signal, or the end of its standard input, stops it.
///
/// # Errors
/// [`Usage`](super::usage::Usage) if the command line is wrong. Any other error means that the node
/// could not start.
pub(super) async fn run(cli: &Cli) -> anyhow::Result<()> {
    let plan = cli.plan()?;
    let encrypts = plan.encryption.links.is_some() || plan.encryption.clients.is_some();
    let has_credentials = plan.backbone.as_ref().is_some_and(|backbone| backbone.creds.is_some());
    if plan.provider.holds_key() || encrypts || has_credentials {
        forbid_core_dumps()?;
    }
    let log = plan.log_file.as_deref();
    let started = telemetry::start(log, plan.log_level, plan.log_format, &plan.herd.limits)
        .with_context(|| format!("cannot open the log file {}", log.unwrap_or("".as_ref()).display()));
    let log = cli.given.blame(&["log_file"], started)?;
    warn_of_configuration(&plan);
    let encryption = Arc::new(plan.encryption);
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone()).context("cannot listen for signals")?;
    let hangups = upkeep::hangups().context("cannot listen for signals")?;
    upkeep::toggle_log_level().context("cannot listen for signals")?;
    if cli.node.stop_with_stdin {
        stop_with_stdin(stop.clone());
    }

    let mut limits = plan.herd.limits.clone();
    let files = raise_open_files();
    limits.client_connections = limits.client_connections.min(files.saturating_sub(limits.spare_files));
    let osm = plan.provider.osm();
    let is_offline = matches!(plan.provider, Provider::Offline(_));
    let places = Places::new(plan.provider, &limits);
    let lives = Lives { epoch: random()?.max(1), incarnation: random()?, hash_seed: random()? };
    let mut node = Node::new(&plan.member.name, &plan.member.neighbours, limits, lives);
    if let Some(backbone) = plan.backbone.as_ref().filter(|backbone| backbone.reads) {
        node.read_stream(&backbone.stream, backbone.shards);
    }
    let manager = ServiceManager::of_environment();
    let Some(store) = open_store(node, plan.storage, &stop, manager, &cli.given).await? else {
        return Ok(());
    };
    let disk_patience = plan.herd.limits.disk_patience;
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
    let access = server.table_access();
    let traces = plan.herd.traces.as_ref().map(|table| Traces::begin(table, &plan.member.name, &access));
    let traces = traces.transpose().map_err(Usage)?.unwrap_or_default();
    let addresses = server.addresses().context("cannot read the addresses of the listening sockets")?;
    tell_ready(&plan.member.name, &addresses, manager).await;
    tell_of_places(is_offline, osm.as_ref());
    tokio::spawn(upkeep::run(hangups, log.file(), encryption, osm, disk_patience, manager));
    tokio::spawn(manager.watch(server.pulse()));
    let stopping = tokio::spawn(async move {
        stop.cancelled().await;
        manager.stopping().await;
    });

    if let Some(settings) = plan.backbone {
        backbone::join(settings, traces, &access);
    }
    let neighbours = plan.member.neighbours.iter().filter_map(|name| plan.herd.member(name));
    server.run(neighbours.map(|member| (member.name.clone(), member.dialled()))).await;
    let _ = stopping.await;
    Ok(())
}

/// Logs warnings about a configuration that is valid and probably not what was meant.
fn warn_of_configuration(plan: &Plan) {
    for warning in plan.herd.warnings().into_iter().chain(unknown_variables()) {
        tracing::warn!(warning, "the configuration may be wrong");
    }
    if plan.encryption.clients.is_none() && !plan.member.client.ip().is_loopback() {
        tracing::warn!(
            address = %plan.member.client,
            "clients are served in plain text beyond this machine: anyone who can reach this address can report any location"
        );
    }
}

/// Prints the line that says that the node is ready, and notifies the service manager.
async fn tell_ready(
    name: &str,
    Addresses { client, link, admin, metrics }: &Addresses,
    manager: ServiceManager,
) {
    let ready = serde_json::json!({
        "name": name, "client": client, "link": link, "admin": admin, "metrics": metrics
    });
    print(std::io::stdout(), format!("{ready}\n"));
    manager.ready(format!("listening for clients on {client}, for neighbours on {link}")).await;
}

/// Logs where places come from, if they are on this machine.
fn tell_of_places(is_offline: bool, osm: Option<&Osm>) {
    if is_offline {
        tracing::info!(
            "places are cities of more than 15,000 people; for shops, restaurants and stops, make a places file with `herd places build` and name it with --places-file"
        );
    }
    if let Some(osm) = osm {
        let Summary { places, bytes, .. } = osm.summary();
        tracing::info!(places, bytes, "places are those of OpenStreetMap");
    }
}

/// Opens the data folder, if there is one, and replays its journal. Returns `None` if the node is
/// stopped while the disk hangs.
async fn open_store(
    node: Node,
    storage: Option<Storage>,
    stop: &CancellationToken,
    manager: ServiceManager,
    given: &Given,
) -> anyhow::Result<Option<Store>> {
    let Some(Storage { folder, durability, strict }) = storage else {
        return Ok(Some(Store::in_memory(node)));
    };
    let fresh_epoch = || getrandom::u64().expect("the system gave random numbers before");
    let path = folder.clone();
    let progress = Arc::new(Progress::default());
    let shown = Arc::clone(&progress);
    // In a thread, so that a node whose disk hangs can be stopped.
    let opening =
        tokio::task::spawn_blocking(move || Store::open(node, &path, durability, strict, shown, fresh_epoch));
    let hangs = async {
        stop.cancelled().await;
        tokio::time::sleep(OPENING).await;
    };
    let opened = tokio::select! {
        opened = opening => opened,
        () = hangs => return Ok(None),
        opened = report_progress(&progress, &folder, manager) => opened,
    };
    let store = opened?.with_context(|| format!("cannot use the data folder {}", folder.display()));
    given.blame(&["data_dir"], store).map(Some)
}
