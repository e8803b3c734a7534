//! `herd probe`: asks a node whether it is ready.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use tokio::time::timeout;

use herd::net::plain_http_client;

use super::print::print_result;
use super::values::socket_address;

/// How long the node may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The node to ask, and what.
#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    /// The admin port of the node
    #[arg(value_name = "IP:PORT", env = "HERD_ADMIN_ADDRESS", default_value = "127.0.0.1:12680", value_parser = socket_address)]
    admin: SocketAddr,
    /// Ask only whether its process serves, which it also does while it is not ready
    #[arg(long)]
    alive: bool,
}

/// Asks, and prints the answer.
///
/// # Errors
/// The node does not answer in time, or is not ready. The message has its reasons.
pub(super) async fn run(args: &ProbeArgs) -> Result<()> {
    let path = if args.alive { "healthz" } else { "readyz" };
    let url = format!("http://{}/{path}", args.admin);
    let client = plain_http_client().map_err(|reason| anyhow!(reason))?;
    let ask = async {
        let answer = client.get(&url).send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    let (status, text) = match timeout(PATIENCE, ask).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) => bail!("no node answers at {url}"),
        Err(_) => bail!("no node answers at {url} within {PATIENCE:?}"),
    };
    let text = text.trim_end();
    match status.is_success() {
        true => print_result(&format!("{text}\n")),
        false => bail!("{text}"),
    }
}
