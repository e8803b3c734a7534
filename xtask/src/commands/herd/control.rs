//! `herd-status`, `herd-down`, `herd-restart` and `herd-kill`: requests to the running herd.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::status_table::{StatusColumns, status_table};
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
}

/// Prints the state of each node, as a table or as JSON.
///
/// # Errors
/// No herd is running, or a node is not ready, does not answer or is down. In the latter cases the
/// status has been printed.
pub fn show_status(args: StatusArgs) -> Result<()> {
    let status = request_action(HerdAction::Status, &[])?;
    if args.json {
        print(&format!("{status}\n"))?;
    } else {
        let columns = if args.wide { StatusColumns::All } else { StatusColumns::Fitted(output_width()) };
        print(&status_table(&status, columns))?;
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
    let restart = [names_in("not answering"), names_in("paused"), names_in("down")].concat();
    let advice = if restart.is_empty() {
        "see `cargo xtask herd-logs`".to_owned()
    } else {
        format!("restart with `cargo xtask herd-restart {}`", restart.join(" "))
    };
    bail!("{}; {advice}", faults.join("; "))
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
            (&[("A", "paused")], "paused: A; restart with `cargo xtask herd-restart A`"),
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
