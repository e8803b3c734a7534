//! `herd-status`, `herd-down`, `herd-restart`, `herd-kill`: talking to the running herd.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::screen::{Layout, describe};
use crate::cluster::supervisor::{Action, request};
use crate::commands::print::{print, width};

/// How to show the state of the nodes.
#[derive(Clone, Copy, Debug, Args)]
pub struct StatusArgs {
    /// Show every column, with process ids and paths, however wide the terminal is.
    #[arg(long)]
    wide: bool,

    /// Print everything as JSON.
    #[arg(long, conflicts_with = "wide")]
    json: bool,
}

/// Prints the state of each node, for people or as JSON.
///
/// # Errors
/// No herd is running, or a node is not ready, does not answer or is down: the status is printed all the same.
pub fn show_status(args: StatusArgs) -> Result<()> {
    let status = request(Action::Status, &[])?;
    if args.json {
        print(&format!("{status}\n"))?;
    } else {
        let layout = if args.wide { Layout::Wide } else { Layout::Fitted(width()) };
        print(&describe(&status, layout))?;
    }
    check_ready(&status, &[])
}

/// Stops the herd, and returns when all of it is gone.
///
/// # Errors
/// No herd is running.
pub fn stop_herd() -> Result<()> {
    let status = request(Action::Down, &[])?;
    print(&format!("herd {} is down\n", status["herd"].as_str().unwrap_or_default()))
}

/// Stops the nodes named (all when none is) and starts them again on the same ports, the dead ones too; returns
/// when they are ready.
///
/// # Errors
/// No herd is running, a name is none of its nodes', or a node does not start, or does not get ready.
pub fn restart_nodes(nodes: &[String]) -> Result<()> {
    let status = request(Action::Restart, nodes)?;
    show(&status)?;
    check_ready(&status, nodes)
}

/// Kills the nodes named, as a crash would.
///
/// # Errors
/// No herd is running, or a name is none of its nodes'.
pub fn kill_nodes(nodes: &[String]) -> Result<()> {
    show(&request(Action::Kill, nodes)?)
}

fn show(status: &Value) -> Result<()> {
    print(&describe(status, Layout::Fitted(width())))
}

/// Fails if one of the nodes named (of all when none is) is not ready.
fn check_ready(status: &Value, names: &[String]) -> Result<()> {
    let nodes: Vec<(&str, &str)> = status["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| Some((node["name"].as_str()?, node["state"].as_str()?)))
        .filter(|(name, _)| names.is_empty() || names.iter().any(|named| named == name))
        .collect();
    let of = |wanted: &str| {
        let names = nodes.iter().filter(|(_, state)| *state == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>()
    };
    let faults = ["not ready", "not answering", "down"].map(|state| (state, of(state)));
    let faults: Vec<String> = faults
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(state, names)| format!("{state}: {}", names.join(", ")))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let restart = [of("not answering"), of("down")].concat();
    let advice = if restart.is_empty() {
        "`cargo xtask herd-logs` may say more".to_owned()
    } else {
        format!("start again with `cargo xtask herd-restart {}`", restart.join(" "))
    };
    bail!("{}; {advice}", faults.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_herd_is_well_when_all_its_nodes_are_ready() {
        let status = |states: &[(&str, &str)]| {
            let nodes = states.iter().map(|(name, state)| json!({ "name": name, "state": state }));
            json!({ "nodes": nodes.collect::<Vec<_>>() })
        };
        check_ready(&status(&[("A", "ready"), ("B", "ready")]), &[]).unwrap();
        check_ready(&status(&[("A", "ready"), ("B", "down")]), &["A".to_owned()]).unwrap();
        for (states, expected) in [
            (&[("A", "not ready"), ("B", "ready")][..], "not ready: A; `cargo xtask herd-logs` may say more"),
            (&[("A", "down")], "down: A; start again with `cargo xtask herd-restart A`"),
            (
                &[("A", "down"), ("B", "not answering"), ("C", "not ready"), ("D", "down")],
                "not ready: C; not answering: B; down: A, D; start again with `cargo xtask herd-restart B A D`",
            ),
        ] {
            assert_eq!(check_ready(&status(states), &[]).unwrap_err().to_string(), expected);
        }
    }
}
