//! `herd say`: sends lines to nodes, and prints their answers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use herd::config::Herd;
use herd::net::Address;
use herd::node::parse_duration;
use herd::say::{Say, Target};

use super::given::Given;
use super::herd_file::{no_such_node, read_herd};
use super::server_tls::ServerTlsArgs;
use super::usage::Usage;

/// Whom to say what.
#[derive(Debug, Args)]
pub(super) struct SayArgs {
    /// A node of the herd, or an address such as localhost:12480; several with commas between them
    #[arg(value_name = "NODE")]
    nodes: String,

    /// The lines to send, each as one argument [default: those of standard input]
    #[arg(value_name = "LINE")]
    lines: Vec<String>,

    /// Look up nodes in this herd file [default: the built-in herd]
    #[arg(long, visible_alias = "herd", env = "HERD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Exit with 1 if a line is refused
    #[arg(long)]
    check: bool,

    /// Give up if a node owes answers and sends nothing for this time
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    timeout: Duration,

    #[command(flatten)]
    tls: ServerTlsArgs,
}

/// Sends the lines, and prints the answers.
///
/// # Errors
/// [`Usage`] if there is no such node or the herd file is wrong. Another error if a node cannot be
/// talked to or, with `--check`, refuses a line.
pub(super) async fn run(given: &Given, args: &SayArgs) -> Result<()> {
    let mut targets = Vec::new();
    let mut herd = None;
    for node in args.nodes.split(',').map(str::trim) {
        if node.contains(':') {
            let address: Address = node.parse().map_err(Usage)?;
            targets.push(Target { name: None, address, tls: args.tls.tls(false)? });
            continue;
        }
        let herd = match &herd {
            Some(herd) => herd,
            None => herd.insert(given.blame(&["config"], read_herd(args.config.as_deref()))?),
        };
        targets.push(target(herd, node, &args.tls)?);
    }
    let (lines, check, patience) = (args.lines.clone(), args.check, args.timeout);
    Ok(Say { targets, lines, check, patience }.run().await?)
}

/// A node of a herd.
fn target(herd: &Herd, node: &str, tls: &ServerTlsArgs) -> Result<Target> {
    let Some(member) = herd.member(node) else {
        if node.contains('.') || node == "localhost" {
            return Err(Usage(format!("the address {node} needs a port, such as {node}:12480")).into());
        }
        return Err(no_such_node(herd, node).into());
    };
    let tls = tls.tls(herd.clients.cert.is_some())?;
    Ok(Target { name: Some(node.to_owned()), address: member.dialled_by_clients(), tls })
}
