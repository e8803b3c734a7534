//! `say`: send lines to a node of the running herd, as `herd say` does.

use anyhow::{Context, Result, bail};
use clap::Args;
use herd::nearest::choices;
use herd::net::Address;
use herd::say::{PATIENCE, Say, Target};
use tokio::runtime;

use crate::cluster::processes::LIST_NODES;
use crate::cluster::supervisor::{HerdAction, request_action};

/// Whom to say what.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// Exit with 1 if a line is refused
    #[arg(long)]
    check: bool,
    /// The node to talk to
    node: String,
    /// The lines to send, each as one argument
    #[arg(value_name = "LINE", required = true)]
    lines: Vec<String>,
}

/// Sends lines to a node of the running herd and prints its answers.
///
/// # Errors
/// No herd is running, there is no such node, the node is down, or it does not answer all lines.
/// Answers that came before have been printed.
pub fn say_lines(args: &SayArgs) -> Result<()> {
    let SayArgs { check, node, lines } = args;
    let status = request_action(HerdAction::Status, &[])?;
    let nodes = status["nodes"].as_array().context("the supervisor's answer lists no nodes")?;
    let Some(entry) = nodes.iter().find(|entry| entry["name"] == **node) else {
        let names = nodes.iter().filter_map(|node| node["name"].as_str());
        bail!("no node is called {node}{}", choices(node, "nodes", names, LIST_NODES));
    };
    if entry["state"] == "down" {
        bail!("{node} is down: start it with `cargo xtask herd-restart {node}`");
    }
    if entry["state"] == "paused" {
        bail!("{node} is paused: resume it with `cargo xtask herd-heal {node}`");
    }
    let address = Address::Ip(entry["client"].as_str().unwrap_or_default().parse()?);
    let targets = vec![Target { name: Some(node.clone()), address, tls: None }];
    let say = Say { targets, lines: lines.clone(), check: *check, patience: PATIENCE };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let said = runtime.block_on(say.run());
    runtime.shutdown_background();
    Ok(said?)
}
