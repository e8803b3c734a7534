//! `herd-status`, `herd-down` and the commands that break and heal nodes and links: requests to the
//! running herd.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::status_table::{StatusColumns, status_table};
use super::watch::watch_status;
use crate::cluster::supervisor::{HerdAction, request_action};
use crate::commands::print::{output_width, print};

/// How to show the state of the nodes.
#[derive(Clone, Copy, Debug, Args)]
pub struct StatusArgs {
    /// Show every column, process ids and paths too, even if the table is wider than the terminal
    #[arg(long)]
    wide: bool,

    /// Print the full status as JSON
    #[arg(long, conflicts_with = "wide")]
    json: bool,

    /// Show the state each second, until Ctrl-C or until the herd is stopped
    #[arg(long, conflicts_with = "json")]
    watch: bool,
}

/// Prints the state of each node, as a table or as JSON, once or each second.
///
/// # Errors
/// No herd is running, or a node is not ready, does not answer or is down. In the latter cases the
/// status has been printed. States that are shown each second are no errors.
pub fn show_status(args: StatusArgs) -> Result<()> {
    let columns = || if args.wide { StatusColumns::All } else { StatusColumns::Fitted(output_width()) };
    if args.watch {
        return watch_status(columns);
    }
    let status = request_action(HerdAction::Status, &[])?;
    if args.json {
        print(&format!("{status}\n"))?;
    } else {
        print(&status_table(&status, columns()))?;
    }
    check_ready(&status, &[])
}

/// Stops the herd, and waits until its nodes and its supervisor have exited.
///
/// # Errors
/// No herd is running.
pub fn stop_herd() -> Result<()> {
    let status = request_action(HerdAction::Down, &[])?;
    print(&format!("herd {} is down\n", status["herd"].as_str().unwrap_or_default()))
}

/// Restarts the named nodes, or all if none is named, on the same ports, and waits until they are
/// ready. Nodes that are down are started.
///
/// # Errors
/// No herd is running, there is no such node, or a node does not start or does not get ready.
pub fn restart_nodes(nodes: &[String]) -> Result<()> {
    let status = request_action(HerdAction::Restart, nodes)?;
    print_status(&status)?;
    check_ready(&status, nodes)
}

/// Kills the named nodes, as a crash would.
///
/// # Errors
/// No herd is running, or there is no such node.
pub fn kill_nodes(nodes: &[String]) -> Result<()> {
    print_status(&request_action(HerdAction::Kill, nodes)?)
}

/// Pauses the named nodes: they keep their connections, and answer nothing.
///
/// # Errors
/// No herd is running, there is no such node, or one of them is down.
pub fn pause_nodes(nodes: &[String]) -> Result<()> {
    print_status(&request_action(HerdAction::Pause, nodes)?)
}

/// Cuts the link between two nodes.
///
/// # Errors
/// No herd is running, the nodes have no link, or the links of the herd cannot be cut.
pub fn cut_link(one: String, other: String) -> Result<()> {
    print_status(&request_action(HerdAction::Cut, &[one, other])?)
}

/// Resumes nodes and heals links: all, those of one node, or those among several. Waits until the
/// nodes are ready.
///
/// # Errors
/// No herd is running, there is no such node, or one of them is not ready.
pub fn heal_herd(nodes: &[String]) -> Result<()> {
    let status = request_action(HerdAction::HealNodes, nodes)?;
    print_status(&status)?;
    check_ready(&status, nodes)
}

fn print_status(status: &Value) -> Result<()> {
    print(&status_table(status, StatusColumns::Fitted(output_width())))
}

/// Fails if one of the named nodes, or of all nodes if none is named, is not ready.
fn check_ready(status: &Value, names: &[String]) -> Result<()> {
    let lists = [&status["nodes"], &status["servers"]];
    let nodes: Vec<(&str, &str)> = lists
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|node| Some((node["name"].as_str()?, node["state"].as_str()?)))
        .filter(|(name, _)| names.is_empty() || names.iter().any(|named| named == name))
        .collect();
    let names_in = |wanted: &str| {
        let names = nodes.iter().filter(|(_, state)| *state == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>()
    };
    let faults = ["not ready", "not answering", "paused", "down"].map(|state| (state, names_in(state)));
    let faults: Vec<String> = faults
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(state, names)| format!("{state}: {}", names.join(", ")))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let restart = [names_in("not answering"), names_in("down")].concat();
    let advice = [("resume", "herd-heal", names_in("paused")), ("restart", "herd-restart", restart)];
    let advice: Vec<String> = advice
        .into_iter()
        .filter(|(.., names)| !names.is_empty())
        .map(|(verb, command, names)| format!("{verb} with `cargo xtask {command} {}`", names.join(" ")))
        .collect();
    if advice.is_empty() {
        bail!("{}; see `cargo xtask herd-logs`", faults.join("; "));
    }
    bail!("{}; {}", faults.join("; "), advice.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_node_that_is_not_ready_is_an_error_with_advice() {
        let status = |states: &[(&str, &str)]| {
            let nodes = states.iter().map(|(name, state)| json!({ "name": name, "state": state }));
            json!({ "nodes": nodes.collect::<Vec<_>>() })
        };
        check_ready(&status(&[("A", "ready"), ("B", "ready")]), &[]).unwrap();
        check_ready(&status(&[("A", "ready"), ("B", "down")]), &["A".to_owned()]).unwrap();
        for (states, expected) in [
            (&[("A", "not ready"), ("B", "ready")][..], "not ready: A; see `cargo xtask herd-logs`"),
            (&[("A", "paused")], "paused: A; resume with `cargo xtask herd-heal A`"),
            (
                &[("A", "paused"), ("B", "down")],
                "paused: A; down: B; resume with `cargo xtask herd-heal A`; \
                 restart with `cargo xtask herd-restart B`",
            ),
            (&[("A", "down")], "down: A; restart with `cargo xtask herd-restart A`"),
            (
                &[("A", "down"), ("B", "not answering"), ("C", "not ready"), ("D", "down")],
                "not ready: C; not answering: B; down: A, D; restart with `cargo xtask herd-restart B A D`",
            ),
        ] {
            assert_eq!(check_ready(&status(states), &[]).unwrap_err().to_string(), expected);
        }
    }
}
