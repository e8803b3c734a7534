//! `dashboard`: a live page of the running herd.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use herd::config::Herd;
use herd::dashboard::{DEFAULT_ADDRESS, Dashboard, DashboardError, Settings, WatchedHerd};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::browser::open_in_browser;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::supervisor::{HerdAction, SupervisorClient};
use crate::cluster::workspace::run_dir;
use crate::commands::print::print;
use crate::dashboard::SupervisedHarness;

/// The warning that follows the address of a dashboard.
pub(super) const KEEP_SECRET: &str =
    "                 Keep this address to yourself: anyone who opens it can break the herd.";

/// The time between two checks of whether the herd still runs.
const HERD_POLL: Duration = Duration::from_millis(250);

/// Where to serve the page.
#[derive(Clone, Copy, Debug, Args)]
pub struct DashboardArgs {
    /// Open the page in a browser
    #[arg(long)]
    open: bool,

    /// Listen for browsers on this loopback address [default: 127.0.0.1:12690, or any free port if
    /// that is in use]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("expected an address such as {DEFAULT_ADDRESS}"))
}

/// Serves the page until Ctrl-C, which leaves the herd running, or until the herd is stopped.
///
/// # Errors
/// No herd is running, or a peer's, or the address is not on loopback or in use.
pub fn show_dashboard(args: &DashboardArgs) -> Result<()> {
    let supervisor = SupervisorClient::in_folder(run_dir());
    let status = supervisor.request(HerdAction::Processes, &[])?;
    if let Some(peer) = status["nodes"][0]["peer"].as_str() {
        bail!("the dashboard shows nodes of this workspace, but the running herd is that of the peer {peer}");
    }
    let file = HerdFile::find(status["file"].as_str().context("the supervisor names no herd file")?)?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let cuts_links = status["cuts_links"] == true;
    let dashboard = bind_dashboard(&runtime, file.herd(), cuts_links, args.listen)?;
    let url = dashboard.url();
    print(&format!(
        "herd {}\n\nDashboard:       {url}\n{KEEP_SECRET}\n\nCtrl-C stops the dashboard, not the herd.\n",
        file.herd().name
    ))?;
    if args.open {
        open_in_browser(&url)?;
    }
    let end = runtime.block_on(async {
        tokio::select! {
            () = dashboard.serve() => Ok(()),
            stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for Ctrl-C"),
            ended = wait_until_ended(&supervisor) => {
                ended.and_then(|()| print("The herd has been stopped, and so has its dashboard.\n"))
            }
        }
    });
    // A call of the dashboard may still wait for the supervisor.
    runtime.shutdown_background();
    end
}

async fn wait_until_ended(supervisor: &SupervisorClient) -> Result<()> {
    while supervisor.is_running()? {
        sleep(HERD_POLL).await;
    }
    Ok(())
}

/// Listens for browsers at `listen`, or at the default address, or at any port if that is in use.
pub(super) fn bind_dashboard(
    runtime: &Runtime,
    herd: &Herd,
    cuts_links: bool,
    listen: Option<SocketAddr>,
) -> Result<Dashboard> {
    let supervisor = SupervisorClient::in_folder(run_dir());
    let harness = Arc::new(SupervisedHarness::new(supervisor, herd, cuts_links)?);
    let bind = |listen| {
        let (herd, harness) = (WatchedHerd::from(herd), Some(Arc::clone(&harness) as _));
        runtime.block_on(Dashboard::bind(Settings { herd, listen, allow_actions: true, harness }))
    };
    let default: SocketAddr = DEFAULT_ADDRESS.parse()?;
    let bound = match bind(listen.unwrap_or(default)) {
        Err(DashboardError::Listen(..)) if listen.is_none() => bind(SocketAddr::new(default.ip(), 0)),
        bound => bound,
    };
    Ok(bound?)
}
