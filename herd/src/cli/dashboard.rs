//! `herd dashboard`: a live page of a herd that runs already.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use herd::dashboard::{DEFAULT_ADDRESS, Dashboard, Settings, WatchedHerd};
use tokio_util::sync::CancellationToken;

use super::given::Given;
use super::herd_file::read_herd;
use super::print::print;
use super::stop::stop_on_signals;
use super::usage::Usage;
use super::values::socket_address;

/// What to show, and where.
#[derive(Debug, Args)]
pub(super) struct DashboardArgs {
    /// Watch the herd in this file, whose nodes need `admin` addresses [default: the built-in herd,
    /// which has none]
    #[arg(long, visible_alias = "herd", env = "HERD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Listen for browsers on this loopback address
    #[arg(long, value_name = "IP:PORT", default_value = DEFAULT_ADDRESS, value_parser = socket_address)]
    listen: SocketAddr,

    /// Let the page send lines to the nodes, with the token in the address that is printed
    #[arg(long)]
    allow_actions: bool,
}

/// Serves the page until a signal stops it.
///
/// # Errors
/// The herd file is wrong, the address is not on loopback or in use, or no node has an admin port.
pub(super) async fn run(given: &Given, args: &DashboardArgs) -> anyhow::Result<()> {
    let herd = given.blame(&["config"], read_herd(args.config.as_deref()))?;
    let (name, watched) = (herd.name.clone(), WatchedHerd::from(&herd));
    let settings =
        Settings { herd: watched, listen: args.listen, allow_actions: args.allow_actions, harness: None };
    let dashboard = Dashboard::bind(settings).await.map_err(|error| Usage(error.to_string()))?;
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    let acts = if args.allow_actions {
        "Keep this address to yourself: anyone who opens it can send lines to the nodes."
    } else {
        "It is read-only. With --allow-actions it can also send lines to the nodes."
    };
    print(
        std::io::stdout(),
        format!("The dashboard of the herd {name} is at {}\n{acts} Ctrl-C stops it.\n", dashboard.url()),
    );
    tokio::select! {
        () = dashboard.serve() => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}
